/** Rules A10, A18, A22, A23, D8 and E1–E7 as far as they are about limits, and C1 and C5 for who waits. */
import { describe, expect, it } from "vitest";
import { definePlugin, type PluginInput, type StateStore } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { limits, type LimitsOptions } from "waygate/plugins/limits";
import { answer, chunk, drop, errorInside, gate, pause, silence, status, stream, withHeaders } from "waygate/testing";
import { memoryState } from "../../src/state/memory.ts";
import { inTurn, type Lab, lab } from "./_lab.ts";

const one = { lab: ["a"] };
/** No waiting, so that a full key is a refusal. */
const atOnce = { queueWait: 0 };
const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };

/** Statuses of so many requests, one after the other, without time passing. */
async function statuses(bench: Lab, count: number, model?: string): Promise<string> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) found.push((await bench.ask(model)).status);
  return found.join(" ");
}

/** A client that says who it is. */
function clients(): PluginInput {
  return definePlugin({ name: "ids", hooks: { auth: ({ req }) => ({ id: req.headers.get("x-client") ?? "nobody" }) } });
}

function as(client: string): RequestInit & { readonly body?: never } {
  return { headers: { "x-client": client } };
}

/** What of the store's counters is used, by key of the store. */
function watched(bench: Lab): { readonly open: () => number; readonly reserves: () => number } {
  const { app } = bench.proxy;
  const store = app.state as StateStore;
  const open = new Set<string>();
  let reserves = 0;
  const { reserve, settle } = store;
  Object.assign(store, {
    reserve(takes: Parameters<StateStore["reserve"]>[0]) {
      reserves++;
      const reservation = reserve(takes);
      if (!(reservation instanceof Promise) && reservation.granted) open.add(reservation.id);
      return reservation;
    },
    settle(id: string, amounts: Parameters<StateStore["settle"]>[1]) {
      expect(open.delete(id), `settled twice: ${id}`).toBe(true);
      return settle(id, amounts);
    },
  });
  return { open: () => open.size, reserves: () => reserves };
}

describe("limits of keys", () => {
  it("E5 N are let through in the window, N+1 is refused, and the first leaves it to the millisecond", async () => {
    await using bench = await lab({ providers: one, plugins: [limits({ keys: { rpm: 3 } })], retry: atOnce });
    const start = bench.clock.now();
    expect(await statuses(bench, 2)).toBe("200 200");
    await bench.clock.advance(20_000);
    expect(await statuses(bench, 2)).toBe("200 429");
    await bench.clock.advanceTo(start + 59_999);
    expect(await statuses(bench, 1)).toBe("429");
    await bench.clock.advanceTo(start + 60_000);
    expect(await statuses(bench, 3)).toBe("200 200 429");
    expect(bench.calls.map((call) => call.at)).toEqual([0, 0, 20_000, 60_000, 60_000]);
  });

  it("E5 a day ends at the reset", async () => {
    const reset = { at: "05:30", zone: "Asia/Kolkata" };
    await using bench = await lab({ providers: one, plugins: [limits({ keys: { rpd: 2 }, reset })], retry: atOnce });
    // Half past five in India is midnight UTC; the lab begins there.
    await bench.clock.advance(3_600_000);
    expect(await statuses(bench, 2)).toBe("200 200");
    const refused = await bench.ask();
    expect([refused.status, refused.error.code]).toEqual([429, "quota_exceeded"]);
    expect(refused.headers.get("retry-after")).toBe(String(23 * 3600));
    await bench.clock.advance(23 * 3_600_000 - 1);
    expect((await bench.ask()).status).toBe(429);
    await bench.clock.advance(1);
    expect(await statuses(bench, 3)).toBe("200 200 429");
  });

  it("E3 what is refused counts nowhere, and other keys are asked first (report 31)", async () => {
    await using bench = await lab({
      providers: {
        lab: [
          { value: "a", limits: { rpm: 1 } },
          { value: "b", limits: { rpm: 2 } },
        ],
      },
      plugins: [limits()],
      retry: atOnce,
    });
    expect(await statuses(bench, 6)).toBe("200 200 200 429 429 429");
    expect(bench.asked()).toBe("a b b");
    const [record] = bench.proxy.records.slice(3);
    expect(record!.ctx.attempts).toEqual([]);
    expect(record!.outcome.end).toBe("refused");
    await bench.clock.advance(60_000);
    expect(await statuses(bench, 4)).toBe("200 200 200 429");
  });

  it("E3 a key is out with its last request, before anybody asks it in vain, and the answer has the earliest time", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [limits({ keys: { rpm: 1, rpd: 100 } })],
      retry: atOnce,
    });
    const watch = watched(bench);
    await bench.ask();
    expect(bench.pool.resting(bench.proxy.records[0]!.outcome.answeredBy!)).toEqual({
      state: "cooling",
      until: bench.clock.now() + 60_000,
      policy: "limits",
      reason: "1 requests per minute reached",
      kind: "rate_limited",
    });
    await bench.clock.advance(15_000);
    await bench.ask();
    const refused = await bench.ask();
    expect([refused.status, refused.error.code, refused.headers.get("retry-after")]).toEqual([
      429,
      "rate_limit_exceeded",
      "45",
    ]);
    expect(refused.error.details?.attempts).toEqual([
      { provider: "lab", reason: "rate_limited" },
      { provider: "lab", reason: "rate_limited" },
    ]);
    expect(watch.reserves()).toBe(2);
  });

  it("a key with too few tokens for a request is a decision with policy, kind, reason and time", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [limits({ keys: { tpm: 1500 }, answer: 1000 })],
      upstream: answer({ usageIn: "none" }),
      retry: atOnce,
    });
    await bench.ask();
    await bench.ask();
    expect(bench.asked()).toBe("a b");
    expect(bench.proxy.records[1]!.ctx.decisions).toContainEqual(
      expect.objectContaining({
        policy: "limits",
        action: "drop",
        kind: "rate_limited",
        reason: "1500 tokens per minute reached",
        until: bench.clock.now() + 60_000,
      }),
    );
  });

  it("a key whose request was not sent after all is free again at once", async () => {
    const ours = { object: "chat.completion", choices: [{ message: { content: "x" }, finish_reason: "stop" }] };
    await using bench = await lab({
      providers: one,
      plugins: [
        limits({ keys: { rpm: 1 } }),
        definePlugin({ name: "own", hooks: { call: () => Promise.resolve(Response.json(ours)) } }),
      ],
      retry: atOnce,
    });
    expect(await statuses(bench, 3)).toBe("200 200 200");
  });

  it("A10 ten thousand full keys are not asked one by one by every request", async () => {
    const keys = Array.from({ length: 2000 }, (_, index) => `k${index}`);
    await using bench = await lab({ providers: { lab: keys }, plugins: [limits({ keys: { rpm: 1 } })], retry: atOnce });
    const watch = watched(bench);
    for (let index = 0; index < keys.length; index++)
      expect((await bench.proxy.chat({ model: "lab/m" })).status).toBe(200);
    for (let index = 0; index < 40; index++) await bench.proxy.chat({ model: "lab/m" });
    const before = watch.reserves();
    expect((await bench.proxy.chat({ model: "lab/m" })).status).toBe(429);
    expect(watch.reserves() - before).toBe(0);
    expect(bench.calls.length).toBe(2000);
  });

  it("A10 a limit of a whole provider is asked once, however many keys there are", async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
    await using bench = await lab({
      providers: { lab: keys },
      plugins: [limits({ rules: [{ provider: "lab", each: "provider", rpm: 2 }] })],
      retry: atOnce,
    });
    const watch = watched(bench);
    expect(await statuses(bench, 4)).toBe("200 200 429 429");
    expect(watch.reserves()).toBe(2);
  });

  it("A23 a margin stops before the limit", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { rpm: 10 }, margin: 0.8 })],
      retry: atOnce,
    });
    expect(await statuses(bench, 9)).toBe("200 200 200 200 200 200 200 200 429");
  });

  it("E1 D8 what was reserved is given back or kept, whatever becomes of the attempt", async () => {
    const slow = { firstToken: 1000, headers: 1000, whole: 1000, idle: 1000 };
    await using bench = await lab({
      providers: one,
      plugins: [
        limits({ keys: { rpm: 100, tpm: 1_000_000 }, client: { rpm: 100, tpm: 1_000_000 } }),
        concurrency({ perCredential: 1 }),
      ],
      timeouts: slow,
      retry: { attempts: 1 },
      upstream: inTurn(
        silence(),
        status(429),
        status(500),
        drop(),
        errorInside("no"),
        answer({ usage }),
        stream([pause(5000)]),
      ),
    });
    const watch = watched(bench);
    for (const asked of [false, true, false, true, false, false, true]) {
      await bench.finish(bench.proxy.chat({ model: "lab/m", stream: asked }));
    }
    expect(bench.calls.length).toBe(7);
    expect(watch.open()).toBe(0);
    expect(bench.pool.inFlight(bench.id("a"))).toBe(0);
  });

  it("D8 an answer of a plugin, and a request that never left, count for no key", async () => {
    const cached = definePlugin({
      name: "cached",
      hooks: { call: ({ ctx }, next) => (ctx.req.headers.has("x-hit") ? Promise.resolve(Response.json(hit)) : next()) },
    });
    const hit = { choices: [{ index: 0, message: { role: "assistant", content: "hit" }, finish_reason: "stop" }] };
    await using bench = await lab({ providers: one, plugins: [limits({ keys: { rpm: 1 } }), cached], retry: atOnce });
    const watch = watched(bench);
    for (let index = 0; index < 3; index++) {
      expect((await bench.ask("lab/m", { headers: { "x-hit": "yes" } })).text).toContain("hit");
    }
    expect(await statuses(bench, 2)).toBe("200 429");
    expect([watch.open(), bench.calls.length]).toEqual([0, 1]);
  });

  it("D8 a place that is given back is there at once, also for who was told the key is full", async () => {
    const slow = definePlugin({
      name: "slow",
      hooks: {
        transform: ({ ctx }) => (ctx.req.headers.has("x-fail") ? Promise.reject(new Error("no")) : undefined),
      },
    });
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { caps: [{ window: 20_000, requests: 1 }] } }), slow],
      faults: /no/,
    });
    const failing = bench.proxy.chat({ model: "lab/m" }, { headers: { "x-fail": "yes" } });
    const waiting = bench.ask();
    await failing;
    expect(await waiting).toMatchObject({ status: 200, took: 0 });
  });

  it("A18 E4 keys are limited alike for streams, whole answers, embeddings and what is only forwarded", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { rpm: 4 } })],
      retry: atOnce,
      upstream: (request) =>
        request.path.endsWith("/embeddings")
          ? status(200, {
              object: "list",
              data: [{ object: "embedding", index: 0, embedding: [1] }],
              usage: { prompt_tokens: 1, total_tokens: 1 },
            })
          : request.path.endsWith("/moderations")
            ? status(200, { results: [] })
            : answer(),
    });
    const post = (path: string, body: object) =>
      bench.finish(
        bench.proxy.fetch(path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "lab/m", ...body }),
        }),
      );
    const messages = [{ role: "user", content: "x" }];
    const all = () =>
      [
        ["/v1/chat/completions", { messages }],
        ["/v1/chat/completions", { messages, stream: true }],
        ["/v1/embeddings", { input: "x" }],
        ["/v1/moderations", { input: "x" }],
      ] as const;
    const codes: number[] = [];
    for (const [path, body] of [...all(), ...all()]) codes.push((await post(path, body)).status);
    expect(codes).toEqual([200, 200, 200, 200, 429, 429, 429, 429]);
    expect(bench.calls.length).toBe(4);
  });

  it.each([
    ["a stream", "/v1/chat/completions", { stream: true, messages: [{ role: "user", content: "x" }] }],
    ["a whole answer", "/v1/chat/completions", { messages: [{ role: "user", content: "x" }] }],
    ["an embedding", "/v1/embeddings", { input: "x" }],
  ])("A18 %s is tried again and falls over alike", async (_name, path, body) => {
    const vectors = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1] }] };
    await using bench = await lab({
      providers: { lab: ["a", "b"], spare: ["c"] },
      models: { both: ["lab/m", "spare/m"] },
      plugins: [cooldown()],
      upstream: { a: status(500), b: status(429), c: path.endsWith("embeddings") ? status(200, vectors) : answer() },
    });
    const sent = bench.proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "both", ...body }),
    });
    const reply = await bench.finish(sent);
    expect([reply.status, reply.headers.get("x-fallback-provider"), bench.asked()]).toEqual([200, "spare", "a a b c"]);
  });
});

describe("tokens", () => {
  const tokens = (options: LimitsOptions) =>
    lab({
      providers: one,
      plugins: [limits(options)],
      retry: atOnce,
      upstream: answer({ usage }),
    });

  it("are guessed before and put right by what the upstream counted", async () => {
    await using bench = await tokens({ keys: { tpm: 450 }, answer: 300 });
    // About 315 are guessed each time, 100 are used.
    expect(await statuses(bench, 3)).toBe("200 200 429");
    await bench.clock.advance(60_000);
    expect(await statuses(bench, 1)).toBe("200");
  });

  it("of requests at the same time count as guessed", async () => {
    await using bench = await tokens({ keys: { tpm: 700 }, answer: 300 });
    const all = await Promise.all(Array.from({ length: 4 }, () => bench.proxy.chat({ model: "lab/m" })));
    expect(all.map((each) => each.status)).toEqual([200, 200, 429, 429]);
    await Promise.all(all.map((each) => each.text()));
  });

  it("are what the request allows where that is less, in every protocol's words", async () => {
    for (const limit of [{ max_tokens: 10 }, { max_completion_tokens: 10 }]) {
      await using bench = await tokens({ keys: { tpm: 100 }, answer: 5000 });
      const pair = [0, 1].map(() => bench.proxy.chat({ model: "lab/m", ...limit }));
      expect((await Promise.all(pair)).map((each) => each.status)).toEqual([200, 200]);
    }
  });

  it.each([
    ["missing", undefined],
    ["negative", { prompt_tokens: -5000, completion_tokens: -1, total_tokens: -5001 }],
    ["no numbers", { prompt_tokens: "many", completion_tokens: null }],
    ["zero", { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
    ["absurd", { prompt_tokens: 1e300, completion_tokens: 1, total_tokens: 1 }],
  ])("usage that is %s never makes room and never blocks for ever", async (name, counted) => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { tpm: 1000 }, answer: 300 })],
      retry: atOnce,
      upstream: answer(counted === undefined ? { usageIn: "none" } : { usage: counted as never }),
    });
    const first = await statuses(bench, 4);
    expect(first.split(" ").filter((each) => each === "200").length).toBe(
      name === "zero" ? 4 : name === "absurd" ? 1 : 3,
    );
    await bench.clock.advance(60_000);
    expect((await bench.ask()).status).toBe(200);
  });

  it("of a request that is larger than the limit are let through when nothing else is used", async () => {
    await using bench = await tokens({ keys: { tpm: 50 } });
    expect(await statuses(bench, 2)).toBe("200 429");
  });

  it("a smaller request passes where a larger one does not", async () => {
    await using bench = await tokens({ keys: { tpm: 1000 }, answer: 900 });
    await bench.ask();
    expect((await bench.ask()).status).toBe(429);
    const small = bench.proxy.chat({ model: "lab/m", max_tokens: 10 });
    expect((await bench.finish(small)).status).toBe(200);
  });

  it("C5 of an answer the client left count as far as they are known", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { tpm: 1000 }, answer: 600 })],
      retry: atOnce,
      upstream: stream([chunk({ content: "a" }), { choices: [], usage }, gate()]),
    });
    const leaving = new AbortController();
    const response = await bench.proxy.chat({ model: "lab/m", stream: true }, { signal: leaving.signal });
    const reader = response.body!.getReader();
    await reader.read();
    await bench.clock.advance(50);
    await reader.cancel();
    leaving.abort();
    await bench.clock.advance(50);
    expect(bench.proxy.records[0]!.outcome).toMatchObject({ end: "client-aborted" });
    const [used] = await bench.proxy.app.state.used([
      { kind: "sliding", key: `limits/key/${bench.id("a")}/tokens/60000`, window: 60_000 },
    ]);
    expect(used).toBe(100);
  });
});

describe("numbers of the upstream", () => {
  const said = (limit: number, remaining: number) =>
    withHeaders(answer(), {
      "x-ratelimit-limit-requests": String(limit),
      "x-ratelimit-remaining-requests": String(remaining),
    });

  it("A22 raise our counts and never lower them (reports 2, 23)", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { rpm: 10 }, upstream: true })],
      retry: atOnce,
      upstream: inTurn(said(10, 4), said(10, 9), said(10, 9), said(10, -1), said(0, 0), answer()),
    });
    // The first says that six are used; what comes after that is older, or impossible.
    expect(await statuses(bench, 6)).toBe("200 200 200 200 200 429");
  });
});

describe("limits of clients", () => {
  it("E3 E5 N are accepted per client, the next is a 429 that counts nowhere", async () => {
    await using bench = await lab({ plugins: [clients(), limits({ client: { rpm: 2 } })] });
    const ask = async (client: string) => (await bench.ask("lab/m", as(client))).status;
    expect([await ask("x"), await ask("x"), await ask("x"), await ask("x"), await ask("y")]).toEqual([
      200, 200, 429, 429, 200,
    ]);
    await bench.clock.advance(60_000);
    expect([await ask("x"), await ask("x"), await ask("x")]).toEqual([200, 200, 429]);
    expect(bench.calls.length).toBe(5);
  });

  it("are told in the client's protocol, with headers", async () => {
    await using bench = await lab({
      plugins: [clients(), limits({ client: { rpm: 1, tpm: 100_000 }, clients: { "vip*": { rpd: 1 } } })],
    });
    const ask = (client: string, path: string) =>
      bench.finish(
        bench.proxy.fetch(path, {
          method: "POST",
          headers: { "content-type": "application/json", "x-client": client },
          body: JSON.stringify({ model: "lab/m", max_tokens: 10, messages: [{ role: "user", content: "x" }] }),
        }),
      );
    await ask("x", "/v1/messages");
    await bench.clock.advance(10_000);
    const anthropic = await ask("x", "/v1/messages");
    expect(anthropic.status).toBe(429);
    expect(JSON.parse(anthropic.text)).toMatchObject({ type: "error", error: { type: "rate_limit_error" } });
    expect(Object.fromEntries(anthropic.headers)).toMatchObject({
      "retry-after": "50",
      "x-ratelimit-limit-requests": "1",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "50s",
      "x-ratelimit-limit-tokens": "100000",
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": new Date(bench.clock.now() + 50_000).toISOString(),
    });
    await ask("vip1", "/v1/chat/completions");
    const day = await ask("vip1", "/v1/chat/completions");
    expect([day.status, day.error.code, day.headers.get("anthropic-ratelimit-requests-limit")]).toEqual([
      429,
      "quota_exceeded",
      null,
    ]);
  });

  it("E4 count on every route, counting tokens too, and a filter's own answer", async () => {
    const filter = definePlugin({
      name: "own",
      hooks: { filter: ({ req }) => (req.headers.has("x-own") ? Response.json({}) : undefined) },
    });
    await using bench = await lab({ plugins: [clients(), filter, limits({ client: { rpm: 2 } })] });
    const headers = { "content-type": "application/json", "x-client": "x" };
    const body = JSON.stringify({ model: "lab/m", max_tokens: 1, messages: [{ role: "user", content: "x" }] });
    const own = await bench.proxy.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { ...headers, "x-own": "1" },
      body,
    });
    const count = () => bench.proxy.fetch("/v1/messages/count_tokens", { method: "POST", headers, body });
    expect([own.status, (await count()).status, (await count()).status]).toEqual([200, 200, 429]);
  });

  it("E3 what the proxy had nobody for is given back to the client", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [clients(), limits({ client: { rpm: 2 }, keys: { rpm: 1 } })],
      retry: atOnce,
    });
    const ask = async () => {
      const { status: code, headers } = await bench.ask("lab/m", as("x"));
      return `${code} ${headers.get("x-ratelimit-limit-requests")}`;
    };
    expect([await ask(), await ask(), await ask()]).toEqual(["200 null", "429 null", "429 null"]);
  });
});

describe("a store that fails", () => {
  it("E7 what cannot be put right afterwards fails no request and is said", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [limits({ keys: { rpm: 5 }, client: { rpm: 5 } })],
      faults: /could not be put right|record hook/,
    });
    const broken = { settle: () => Promise.reject(new Error("the store is gone")) };
    Object.assign(bench.proxy.app.state, broken);
    expect(await statuses(bench, 2)).toBe("200 200");
    expect(bench.proxy.logged.join("\n")).toContain("the store is gone");
  });

  it("C3 a gate that throws leaves no place taken and no reservation behind", async () => {
    const thrower = definePlugin({
      name: "thrower",
      setup: (app) =>
        app.credentials.addGate({
          name: "thrower",
          reserve: (_candidate, { req }) => {
            if (req.headers.has("x-sync")) throw new Error("boom");
            return req.headers.has("x-async") ? Promise.reject(new Error("boom")) : undefined;
          },
        }),
    });
    await using bench = await lab({
      providers: one,
      concurrency: 1,
      plugins: [limits({ keys: { rpm: 1 } }), thrower],
      faults: /boom/,
    });
    const watch = watched(bench);
    for (const name of ["x-sync", "x-async"]) {
      expect((await bench.ask("lab/m", { headers: { [name]: "1" } })).status).toBe(500);
    }
    expect([watch.open(), bench.pool.inFlight(bench.id("a"))]).toEqual([0, 0]);
    expect((await bench.ask()).status).toBe(200);
  });
});

describe("two proxies on one store", () => {
  it("E2 keep the limits of keys, clients and places in flight together", async () => {
    const benches = await Promise.all(
      [0, 1].map(() =>
        lab({
          providers: one,
          plugins: [clients(), limits({ keys: { rpm: 5 } }), concurrency({ perCredential: 2, shared: true })],
          retry: { queueWait: 2000 },
          upstream: () => later1s,
        }),
      ),
    );
    const [first, second] = benches as [Lab, Lab];
    const store = memoryState(first.clock);
    for (const bench of benches) Object.assign(bench.proxy.app.state, promised(store));
    const sent = benches.flatMap((bench) => [0, 1, 2].map(() => bench.proxy.chat({ model: "lab/m" })));
    const codes = sent.map(async (each) => (await each).status);
    for (let step = 0; step < 60; step++) {
      for (const bench of benches) await bench.clock.advance(100);
      expect(first.pool.inFlight(first.id("a")) + second.pool.inFlight(second.id("a"))).toBeLessThanOrEqual(4);
    }
    const answered = (await Promise.all(codes)).filter((code) => code === 200).length;
    expect(first.calls.length + second.calls.length).toBe(answered);
    expect(answered).toBeLessThanOrEqual(5);
    expect(answered).toBeGreaterThanOrEqual(4);
    const at = [...first.calls, ...second.calls].map((call) => call.at).toSorted((x, y) => x - y);
    // Never a third one while two are under way.
    for (const [index, time] of at.entries())
      if (index >= 2) expect(time - at[index - 2]!).toBeGreaterThanOrEqual(1000);
    for (const bench of benches) await bench[Symbol.asyncDispose]();
  });

  const later1s = stream([pause(1000), chunk({ content: "a" })]);
});

/** The same store as one that is somewhere else. */
function promised(store: StateStore): Partial<StateStore> {
  return {
    reserve: (takes) => Promise.resolve(store.reserve(takes)),
    settle: (id, amounts) => Promise.resolve(store.settle(id, amounts)),
    used: (counters) => Promise.resolve(store.used(counters)),
    renew: (ids) => Promise.resolve(store.renew(ids)),
  };
}
