import { describe, expect, test } from "vitest";
import { definePlugin, type PluginInput, userSlot } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { queue, type QueueOptions } from "waygate/plugins/queue";
import { answer, later, pause, silence, status, virtualClock } from "waygate/testing";
import { createFamilies } from "../../plugins/queue/families.ts";
import { inTurn, type Lab, lab, type LabOptions } from "../rules/_lab.ts";

/** Users by name; those in capitals are special, those that begin with a dot only have a key in common. */
const people: PluginInput = definePlugin({
  name: "people",
  hooks: {
    auth(ctx) {
      const user = ctx.req.headers.get("x-client") ?? "nobody";
      if (user.startsWith(".")) return { id: "key:1" };
      ctx.set(userSlot, { user, special: user === user.toUpperCase() });
      return { id: user };
    },
  },
});

const slow = later(answer(), pause(10_000));

function start(options: QueueOptions = {}, more: LabOptions = {}): Promise<Lab> {
  return lab({
    providers: { lab: ["a"] },
    concurrency: 1,
    upstream: slow,
    ...more,
    plugins: [people, ...(more.plugins ?? []), queue(options)],
  });
}

interface Asked {
  readonly done: Promise<string>;
  readonly leave: AbortController;
}

function ask(
  { proxy }: Lab,
  client: string,
  body: { readonly [field: string]: unknown } = {},
  path = "/v1/chat/completions",
): Asked {
  const leave = new AbortController();
  const done = proxy
    .fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-client": client, "x-forwarded-for": client.slice(1) },
      body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hello" }], ...body }),
      signal: leave.signal,
    })
    .then(async (response) => {
      const text = await response.text();
      return response.status === 200
        ? text
        : `${response.status} ${(JSON.parse(text) as { error: { code: string } }).error.code}`;
    });
  done.catch(() => {}); // Looked at by whoever wants to know.
  return { done, leave };
}

async function settled({ clock }: Lab, asked: readonly Asked[], seconds = 400): Promise<readonly string[]> {
  const results = Promise.all(asked.map(({ done }) => done));
  let over = false;
  void results.finally(() => (over = true)).catch(() => {});
  for (let second = 0; !over && second < seconds; second++) await clock.advance(1000);
  return results;
}

async function states({ proxy, clock }: Lab): Promise<unknown> {
  const pending = proxy.fetch("/v1/queue", { headers: { "x-client": "x" } });
  await clock.advance(0);
  return ((await (await pending).json()) as { queue: unknown }).queue;
}

const ok = expect.stringContaining("chatcmpl");
const fullUp = "429 queue_full";

describe("queue()", () => {
  test("lets one request of every user wait for a family, and turns the next one away at once", async () => {
    await using bench = await start();
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const waits = [ask(bench, "x"), ask(bench, "y")];
    await bench.clock.advance(10);
    const over = ask(bench, "x");
    await bench.clock.advance(1);
    expect(await over.done).toBe(fullUp);
    expect(await states(bench)).toEqual({ "lab/m": { waiting: 2, estimate_ms: 0 } });
    expect(await settled(bench, [first, ...waits])).toEqual([ok, ok, ok]);
    expect(await settled(bench, [ask(bench, "x")])).toEqual([ok]);
  });

  test("several people behind one key or address may have five times as many", async () => {
    await using bench = await start({ shared: ["house-*"] });
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    for (const who of [".one", "house-1"]) {
      const waits = Array.from({ length: 6 }, () => ask(bench, who));
      await bench.clock.advance(10);
      expect(await waits.at(-1)!.done).toBe(fullUp);
      for (const { leave } of waits) leave.abort();
      await bench.clock.advance(10);
    }
    first.leave.abort();
    await bench.clock.advance(10);
  });

  test("is bounded for a family, but not for special users, and families have nothing to do with each other", async () => {
    const listed = { lab: ["m", "m2", "other"] };
    await using bench = await start({ size: 1, families: { ems: ["lab/m*"] } }, { listed });
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const waits = [ask(bench, "x", { model: "lab/m2" })];
    await bench.clock.advance(10);
    const over = ask(bench, "y");
    const other = ask(bench, "y", { model: "lab/other" });
    const special = [ask(bench, "BOSS"), ask(bench, "BOSS")];
    await bench.clock.advance(10);
    expect(await over.done).toBe(fullUp);
    expect(await states(bench)).toEqual({
      ems: { waiting: 3, estimate_ms: 0 },
      "lab/other": { waiting: 1, estimate_ms: 0 },
    });
    expect(await settled(bench, [first, ...waits, other, ...special])).toEqual([ok, ok, ok, ok, ok]);
  });

  test("waits for keys that rest, which nobody else does (report 7)", async () => {
    for (const rests of [true, false]) {
      const step = inTurn(status(429, {}, { "retry-after": "60" }), answer());
      await using bench = await start({ rests }, { upstream: step, plugins: [cooldown()] });
      await bench.ask();
      const [result] = await settled(bench, [ask(bench, "x")]);
      expect(result).toEqual(rests ? ok : "429 rate_limit_exceeded");
      if (rests) expect(bench.calls.at(-1)!.at).toBeGreaterThanOrEqual(60_000);
    }
  });

  test("a key that does not come back in time is not waited for (report 7)", async () => {
    await using bench = await start(
      { wait: 30_000 },
      { upstream: status(429, {}, { "retry-after": "60" }), plugins: [cooldown()] },
    );
    await bench.ask();
    const before = bench.clock.now();
    expect(await settled(bench, [ask(bench, "x")])).toEqual(["429 rate_limit_exceeded"]);
    expect(bench.clock.now() - before).toBeLessThan(2000);
  });

  test("ends the wait after its time", async () => {
    await using bench = await start({ wait: 60_000 }, { upstream: silence() });
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const before = bench.clock.now();
    expect(await settled(bench, [ask(bench, "y")])).toEqual([fullUp]);
    expect(Math.round((bench.clock.now() - before) / 1000)).toBe(60);
    expect(await states(bench)).toEqual({});
    first.leave.abort();
    await bench.clock.advance(10);
  });

  test("B5 says in comments where a waiting client stands, and then the answer follows", async () => {
    await using bench = await start({ heartbeat: 5000 }, { upstream: later(answer({ text: "here" }), pause(12_000)) });
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const waits = [ask(bench, "y", { stream: true }), ask(bench, "z", { stream: true })];
    const [, second, third] = await settled(bench, [first, ...waits]);
    expect(second!.match(/^: .*$/gm)![0]).toBe(": joining queue at position 1, no wait");
    const told = third!
      .match(/^: joining queue at position \d, (?:no wait|about \d+ s)$/gm)!
      .map((line) => line.split(",")[0]);
    expect(told).toEqual([2, 2, 1, 1].map((place) => `: joining queue at position ${place}`));
    expect(third).toContain("about ");
    for (const text of [second!, third!]) expect(text).toMatch(/^(?:: .*\n\n)+data: \{[\s\S]+data: \[DONE\]\n\n$/);
  });

  test("B5 comments stand in front of Anthropic's ping and nowhere in Gemini's streams", async () => {
    await using bench = await start({}, { upstream: later(answer({ text: "here" }), pause(12_000)) });
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const body = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };
    const waits = [
      ask(bench, "y", { stream: true, max_tokens: 9 }, "/v1/messages"),
      ask(bench, "z", body, "/v1beta/models/lab%2Fm:streamGenerateContent?alt=sse"),
    ];
    const [, anthropic, gemini] = await settled(bench, [first, ...waits]);
    expect(anthropic).toMatch(/^: joining queue at position 1, no wait\nevent: ping\n/);
    expect(gemini).not.toContain("queue");
    expect(gemini).toContain("here");
  });

  test("an answer that need not be waited for has its status and its headers", async () => {
    await using bench = await start();
    const pending = bench.proxy.chat({ model: "lab/m", stream: true }, { headers: { "x-client": "x" } });
    await bench.clock.advance(12_000);
    expect((await pending).headers.get("x-waygate-provider")).toBe("lab");
    await (await pending).text();
  });

  test("C1 queued, C3: who leaves gives its place back once and at once, and nobody is called for it", async () => {
    await using bench = await start();
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const left = [ask(bench, "y"), ask(bench, "z", { stream: true })];
    await bench.clock.advance(6000);
    expect(await states(bench)).toEqual({ "lab/m": { waiting: 2, estimate_ms: expect.any(Number) } });
    for (const { leave } of left) leave.abort();
    await bench.clock.advance(0);
    expect(await states(bench)).toMatchObject({ "lab/m": { waiting: 0 } });
    expect(bench.pool.room.size).toBe(0);
    const again = [ask(bench, "y"), ask(bench, "z")];
    await settled(bench, [first, ...again]);
    await bench.clock.advance(400_000);
    expect(bench.calls).toHaveLength(3);
    expect(await states(bench)).toEqual({});
  });

  test("users take turns, and one that has many requests does not hold up the others", async () => {
    await using bench = await start({ perUser: 3 });
    const order: string[] = [];
    const first = ask(bench, "x");
    await bench.clock.advance(10);
    const all = ["x", "x", "x", "y", "z"].map((who, index) => {
      const asked = ask(bench, who);
      void asked.done.then(() => order.push(`${who}${index}`));
      return asked;
    });
    await settled(bench, [first, ...all]);
    expect(order).toEqual(["x0", "y3", "z4", "x1", "x2"]);
  });

  test("byAddress tells people with one key apart", async () => {
    for (const [byAddress, waiting] of [
      [true, 2],
      [false, 3],
    ] as const) {
      await using bench = await start({ byAddress }, { listen: true, server: { trustProxy: true } });
      const first = ask(bench, "x");
      await expect.poll(() => bench.calls.length).toBe(1);
      const waits = ["203.0.113.1", "203.0.113.1", "203.0.113.2"].map((address) => ask(bench, `.${address}`));
      await expect.poll(() => bench.pool.room.size).toBe(waiting);
      if (byAddress) expect(await Promise.race(waits.map(({ done }) => done))).toBe(fullUp);
      for (const { leave } of [first, ...waits]) leave.abort();
      await expect.poll(() => bench.pool.room.size).toBe(0);
    }
  });

  test("options that make no sense stop the start", () => {
    expect(() => queue({ wait: 0 })).toThrow(/wait is 0/);
  });
});

describe("the estimate", () => {
  test("is between what lately was waited and the longest wait there is, and nothing below two seconds", async () => {
    const clock = virtualClock();
    const families = createFamilies(clock);
    const served = families.enter("f", "x");
    await clock.advance(1000);
    families.leave("f", served, true);
    families.leave("f", served, true);
    await clock.advance(2000);
    expect(families.state("f")).toEqual({ waiting: 0, estimate: 0 });
    families.enter("f", "y");
    // Mean 1 s throughout; the longest is 3, 6, 9 … s and counts 0.3 of the way each time.
    await clock.advance(9000);
    const longest = [3000, 6000, 9000].reduce((before, now) => before + 0.3 * (now - before), 0);
    expect(families.state("f")).toEqual({ waiting: 1, estimate: Math.round((1000 + longest) / 2) });
    families.close();
    expect(clock.pending).toBe(0);
  });

  test("a wait counts for five minutes, and then the family is forgotten", async () => {
    const clock = virtualClock();
    const families = createFamilies(clock);
    const waiter = families.enter("f", "x");
    await clock.advance(60_000);
    families.leave("f", waiter, true);
    await clock.advance(299_000);
    expect(families.state("f").estimate).toBeGreaterThan(25_000);
    await clock.advance(5000);
    expect(families.names()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test("places follow the turns that clients take", () => {
    const families = createFamilies(virtualClock());
    const waiters = ["x", "x", "y", "x", "z"].map((client) => families.enter("f", client));
    expect(waiters.map((waiter) => families.position("f", waiter))).toEqual([1, 4, 2, 5, 3]);
    families.close();
  });
});
