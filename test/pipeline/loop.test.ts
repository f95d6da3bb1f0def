import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
import { answer, cut, drop, errorInside, gate, html, later, pause, silence, status } from "waygate/testing";
import { inTurn, keyOf, lab, type Lab } from "../rules/_lab.ts";

const oops = status(500, { error: { message: "Oops" } });
const refused = status(401, { error: { message: "Invalid API key" } });
const limit = (seconds: number): ReturnType<typeof status> =>
  status(429, { error: { message: "Slow down" } }, { "retry-after": String(seconds) });
const one = { lab: ["a"] };

describe("the same credential once more", () => {
  it.each([
    ["a lost connection", drop(), "a a b"],
    ["a 500", oops, "a a b"],
    ["a 503", status(503, { error: { message: "Unavailable" } }), "a a b"],
    ["an error inside a 200", errorInside({ message: "Server error", type: "server_error" }), "a a b"],
    ["a 504, which is a timeout", status(504, { error: { message: "Gateway timeout" } }), "a b"],
    ["a 429", limit(60), "a b"],
    ["a 401", refused, "a b"],
    [
      "a 404 for the model",
      status(404, { error: { message: "The model m does not exist", code: "model_not_found" } }),
      "a b",
    ],
  ])("%s", async (_name, failure, asked) => {
    await using bench = await lab({ upstream: { a: failure } });
    const reply = await bench.ask();
    expect([reply.status, bench.asked()]).toEqual([200, asked]);
    expect(reply.took).toBeLessThan(1000);
  });

  it("never after a timeout of ours", async () => {
    await using bench = await lab({ timeouts: { whole: 1000 }, upstream: { a: silence() } });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a b");
  });

  it("never after a timeout of the upstream's, whatever time to wait it names", async () => {
    const slow = status(504, { error: { message: "Gateway timeout" } }, { "retry-after": "1" });
    await using bench = await lab({ providers: one, upstream: slow });
    expect((await bench.ask()).status).toBe(504);
    expect(bench.asked()).toBe("a");
  });

  it("retry.sameCredential says how often, 0 never", async () => {
    await using never = await lab({ retry: { sameCredential: 0 }, upstream: { a: oops } });
    await never.ask();
    expect(never.asked()).toBe("a b");
    await using thrice = await lab({ retry: { sameCredential: 3 }, upstream: { a: oops } });
    await thrice.ask();
    expect(thrice.asked()).toBe("a a a a b");
  });

  it("every candidate has its own once more", async () => {
    await using bench = await lab({ upstream: oops });
    await bench.ask();
    expect(bench.asked()).toBe("a a b b c c");
  });

  it.each([
    ["with cooldown()", [cooldown()]],
    ["without policies", []],
  ])("a short wait is waited out when no other key is free, %s", async (_name, plugins) => {
    await using alone = await lab({ providers: one, plugins, upstream: inTurn(limit(2), answer()) });
    const reply = await alone.ask();
    expect([reply.status, reply.took, alone.asked()]).toEqual([200, 2000, "a a"]);

    await using sibling = await lab({ providers: { lab: ["a", "b"] }, plugins, upstream: { a: limit(2) } });
    const other = await sibling.ask();
    expect([other.status, other.took, sibling.asked()]).toEqual([200, 0, "a b"]);
  });

  it("a short wait is waited out by every request of the only key, not only by the first to fail", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      upstream: (request) => (request.index < 3 ? limit(1) : answer()),
    });
    const pending = [1, 2, 3].map(() => bench.proxy.chat({ model: "lab/m" }));
    for (const each of pending) expect((await bench.finish(each)).status).toBe(200);
    expect(bench.calls.map((call) => call.at)).toEqual([0, 0, 0, 1000, 1000, 1000]);
  });

  it("a request whose key has failed waits for the sibling that is only busy", async () => {
    const held = gate();
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      concurrency: 1,
      plugins: [cooldown()],
      upstream: { a: limit(2), b: later(answer(), held) },
    });
    const filling = bench.proxy.chat({ model: "lab/n" });
    bench.pool.rest(
      { provider: "lab", credential: bench.id("a"), model: "n" },
      { state: "cooling", until: bench.clock.now() + 60_000, policy: "test", reason: "test", kind: "rate_limited" },
    );
    await bench.clock.advance(0);
    expect(bench.asked()).toBe("b");
    const waiting = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(500);
    expect(bench.asked()).toBe("a");
    held.open();
    expect((await bench.finish(waiting)).took).toBe(0);
    await bench.finish(filling);
    expect(bench.asked()).toBe("b");
  });
});

describe("before commit everything may fall over, after it nothing", () => {
  it.each([
    ["a whole answer cut off", cut(answer(), 20)],
    ["a page instead of JSON", html()],
    ["an empty body", status(200)],
  ])("%s goes to the next key", async (_name, failure) => {
    await using bench = await lab({ retry: { sameCredential: 0 }, upstream: { a: failure } });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a b");
  });

  it("an error as the first event of a stream goes to the next key, one after content does not", async () => {
    const stream = async (step: Parameters<typeof later>[0]): Promise<string> => {
      await using bench = await lab({ retry: { sameCredential: 0 }, upstream: { a: step } });
      const { text } = await bench.finish(bench.proxy.chat({ model: "lab/m", stream: true }));
      return `${bench.asked()}: ${text.includes("error") ? "error" : "fine"}`;
    };
    expect(await stream(errorInside({ message: "overloaded", type: "server_error" }))).toBe("a b: fine");
    expect(await stream(answer({ text: ["some "], error: { message: "overloaded", type: "server_error" } }))).toBe(
      "a: error",
    );
  });
});

describe("candidates and attempts", () => {
  it("keys that rest or are dropped are no attempts", async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await using bench = await lab({
      providers: { lab: keys },
      plugins: [cooldown()],
      retry: { attempts: 2, sameCredential: 0 },
    });
    for (const label of keys.slice(0, 18)) {
      bench.pool.rest(
        { provider: "lab", credential: bench.id(label) },
        { state: "cooling", until: bench.clock.now() + 60_000, policy: "test", reason: "test", kind: "rate_limited" },
      );
    }
    const reply = await bench.ask();
    expect([reply.status, reply.headers.get("x-waygate-attempts"), bench.asked()]).toEqual([200, "1", "k18"]);
  });

  it("a fail hook decides: same, next and stop, after a wait", async () => {
    const says = (then: "same" | "next" | "stop"): Plugin =>
      definePlugin({ name: "says", hooks: { fail: () => ({ then, after: 500 }) } });
    const run = async (then: "same" | "next" | "stop"): Promise<unknown[]> => {
      await using bench = await lab({ plugins: [says(then)], retry: { attempts: 3 }, upstream: oops });
      const reply = await bench.ask();
      return [reply.status, bench.asked(), bench.calls.at(-1)!.at];
    };
    expect(await run("same")).toEqual([500, "a a a", 1000]);
    expect(await run("next")).toEqual([500, "a b c", 1000]);
    expect(await run("stop")).toEqual([500, "a", 0]);
  });

  it("all fail hooks hear of a failure, the first verdict wins, and a broken one is only logged", async () => {
    const heard: string[] = [];
    const listener = (name: string, verdict?: { then: "stop" }): Plugin =>
      definePlugin({
        name,
        hooks: {
          fail(error) {
            heard.push(`${name} ${error.kind}`);
            return verdict;
          },
        },
      });
    const broken = definePlugin({
      name: "broken",
      hooks: {
        fail() {
          throw new Error("no");
        },
      },
    });
    await using bench = await lab({
      plugins: [broken, listener("one"), listener("two", { then: "stop" }), listener("three")],
      upstream: oops,
      faults: /broken/,
    });
    expect((await bench.ask()).status).toBe(500);
    expect(heard).toEqual(["one upstream", "two upstream", "three upstream"]);
    expect(bench.asked()).toBe("a");
  });
});

describe("what the client is told", () => {
  it.each<[string, Parameters<typeof lab>[0], number, string]>([
    ["every key limited: 429", { upstream: limit(60) }, 429, "rate_limit_exceeded"],
    ["every key dead: 503", { upstream: refused }, 503, "all_credentials_exhausted"],
    [
      "the upstream's failure: its status",
      { upstream: status(502, { error: { message: "Bad gateway" } }) },
      502,
      "upstream_error",
    ],
    ["a lost connection: 502", { upstream: drop() }, 502, "upstream_error"],
    ["a limit that ran out: 504", { upstream: silence(), timeouts: { whole: 1000 } }, 504, "upstream_error"],
    ["no key at all: 503", { providers: { lab: [] } }, 503, "all_credentials_exhausted"],
    [
      "the deadline: 504",
      { upstream: { ...oops, before: [pause(9000)] }, retry: { deadline: 5000 } },
      504,
      "deadline_exceeded",
    ],
  ])("%s", async (_name, options, code, name) => {
    for (const plugins of [[], [resilience()]]) {
      await using bench = await lab({ plugins, ...options });
      const reply = await bench.ask();
      expect([reply.status, reply.error.code]).toEqual([code, name]);
      if (code === 429 || code === 503) expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  });

  it("a key without a limit left in the mix: a failure is not told as a limit, nor the other way round", async () => {
    await using bench = await lab({ retry: { sameCredential: 0 }, upstream: { a: limit(60), b: refused, c: oops } });
    const reply = await bench.ask();
    expect([reply.status, reply.error.code]).toEqual([500, "upstream_error"]);
    // The key that failed may be asked again at once, so nobody is sent away for a minute.
    expect(reply.headers.get("retry-after")).toBeNull();
  });
});

describe("the queue for a full key", () => {
  const hold = (bench: Lab, count: number): Promise<Response>[] =>
    Array.from({ length: count }, () => bench.proxy.chat({ model: "lab/m" }));

  it("serves in order, next key first", async () => {
    const gates = [gate(), gate(), gate(), gate(), gate()];
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      concurrency: 1,
      upstream: (request) => later(answer({ text: `answer ${request.index}` }), gates[request.index]!),
    });
    const pending = hold(bench, 5);
    await bench.clock.advance(0);
    expect(bench.asked()).toBe("a b");
    gates[1]!.open();
    await bench.clock.advance(0);
    expect(bench.asked()).toBe("b");
    gates[2]!.open();
    await bench.clock.advance(0);
    expect(bench.asked()).toBe("b");
    for (const each of gates) each.open();
    const texts = [];
    for (const each of pending) texts.push(/answer \d/.exec((await bench.finish(each)).text)?.[0]);
    expect(texts).toEqual(["answer 0", "answer 1", "answer 2", "answer 3", "answer 4"]);
  });

  it("a key taken by concurrency() or by its own number is full alike", async () => {
    for (const options of [
      { plugins: [concurrency({ perCredential: 1 })] },
      { providers: { lab: [{ value: "a", concurrency: 1 }] } },
      { concurrency: 1 },
    ]) {
      const held = gate();
      await using bench = await lab({ providers: one, ...options, upstream: later(answer(), held) });
      const pending = hold(bench, 2);
      await bench.clock.advance(0);
      expect(bench.asked()).toBe("a");
      held.open();
      for (const each of pending) expect((await bench.finish(each)).status).toBe(200);
    }
  });

  it("after queueWait it is a 429 queue_full", async () => {
    await using bench = await lab({ providers: one, concurrency: 1, retry: { queueWait: 5000 }, upstream: silence() });
    const leave = new AbortController();
    const first = bench.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await bench.clock.advance(0);
    const reply = await bench.ask();
    expect([reply.status, reply.error.code, reply.took]).toEqual([429, "queue_full", 5000]);
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(bench.asked()).toBe("a");
    leave.abort();
    await bench.finish(first);
  });

  it("a wait cut short by the deadline is a 504", async () => {
    await using bench = await lab({
      providers: one,
      concurrency: 1,
      retry: { queueWait: 5000, deadline: 3000 },
      upstream: silence(),
    });
    const leave = new AbortController();
    const first = bench.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await bench.clock.advance(0);
    const reply = await bench.ask();
    expect([reply.status, reply.error.code, reply.took]).toEqual([504, "deadline_exceeded", 3000]);
    leave.abort();
    await bench.finish(first);
  });

  it("a client that leaves while it waits gives its turn to the next, and makes no call", async () => {
    const gates = [gate(), gate()];
    await using bench = await lab({
      providers: one,
      concurrency: 1,
      upstream: (request) => later(answer(), gates[request.index]!),
    });
    const [first] = hold(bench, 1) as [Promise<Response>];
    await bench.clock.advance(0);
    const leave = new AbortController();
    const second = bench.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    const [third] = hold(bench, 1) as [Promise<Response>];
    await bench.clock.advance(0);
    leave.abort();
    await bench.finish(second);
    const { outcome } = await bench.proxy.recorded(1);
    expect([outcome.status, outcome.end, outcome.error?.kind]).toEqual([499, "client-aborted", "aborted"]);
    for (const each of gates) each.open();
    expect((await bench.finish(first)).status).toBe(200);
    expect((await bench.finish(third)).status).toBe(200);
    expect(bench.asked()).toBe("a a");
  });

  it("a client that leaves while a policy thinks leaves no place taken and makes no call", async () => {
    const held = gate();
    const slow = definePlugin({
      name: "slow",
      hooks: { selectKey: async (list) => (held.arrive(), await held.opened, list) },
    });
    await using bench = await lab({ providers: one, concurrency: 1, plugins: [slow] });
    const leave = new AbortController();
    const pending = bench.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await held.reached;
    leave.abort();
    held.open();
    await bench.finish(pending);
    expect((await bench.proxy.recorded(1)).outcome.end).toBe("client-aborted");
    expect([bench.asked(), bench.pool.inFlight(bench.id("a"))]).toEqual(["", 0]);
  });

  it("nobody waits for a key that has come to rest: others are asked, or the answer comes at once", async () => {
    const held = gate();
    const listens = definePlugin({ name: "listens", hooks: { fail() {} } });
    await using bench = await lab({
      providers: one,
      concurrency: 1,
      plugins: [listens, cooldown()],
      upstream: later(limit(60), held),
    });
    const pending = hold(bench, 3);
    await bench.clock.advance(1000);
    held.open();
    for (const each of pending) {
      const reply = await bench.finish(each);
      expect([reply.status, reply.error.code, reply.headers.get("retry-after"), reply.took]).toEqual([
        429,
        "rate_limit_exceeded",
        "60",
        0,
      ]);
    }
    // The place went to nobody: the upstream was asked once.
    expect(bench.asked()).toBe("a");
  });

  it("whoever waits for a key that was removed is given one that was added", async () => {
    const held = gate();
    await using bench = await lab({ providers: one, concurrency: 1, upstream: { a: later(answer(), held) } });
    const [first, second] = hold(bench, 2) as [Promise<Response>, Promise<Response>];
    await bench.clock.advance(0);
    bench.pool.remove(bench.id("a"));
    bench.pool.add(keyOf("lab", "b"));
    held.open();
    expect((await bench.finish(first)).status).toBe(200);
    expect((await bench.finish(second)).status).toBe(200);
    expect(bench.asked()).toBe("a b");
  });

  it.each<[string, Parameters<typeof lab>[0], { stream?: boolean }]>([
    ["an answer", { upstream: answer() }, {}],
    ["a stream", { upstream: answer() }, { stream: true }],
    ["a stream that breaks", { upstream: cut(answer({ text: ["one ", "two "] }), 400) }, { stream: true }],
    ["a failure", { upstream: oops }, {}],
    ["a fault of the request", { upstream: status(400, { error: { message: "bad" } }) }, {}],
    ["a timeout", { upstream: silence(), timeouts: { whole: 1000 } }, {}],
    [
      "a broken transform hook",
      {
        faults: /broken/,
        plugins: [
          definePlugin({
            name: "broken",
            hooks: {
              transform: () => {
                throw new Error("no");
              },
            },
          }),
        ],
      },
      {},
    ],
    [
      "a broken call hook",
      {
        faults: /broken/,
        plugins: [definePlugin({ name: "broken", hooks: { call: () => Promise.reject(new Error("no")) } })],
      },
      {},
    ],
  ])("a place is given back exactly once after %s", async (_name, options, body) => {
    await using bench = await lab({ providers: one, concurrency: 2, retry: { attempts: 3 }, ...options });
    for (let request = 0; request < 3; request++) {
      await bench.finish(bench.proxy.chat({ model: "lab/m", ...body })).catch(() => undefined);
      await bench.proxy.recorded(request + 1);
      expect(bench.pool.inFlight(bench.id("a"))).toBe(0);
    }
    // Not given back twice either: two places and no more.
    const candidate = bench.pool.ring(bench.proxy.app.models.resolve("lab/m")[0]!).view(0)[0]!;
    const leases = [1, 2, 3].map(() => bench.pool.flights.acquire(candidate));
    expect(leases.map((lease) => lease !== undefined)).toEqual([true, true, false]);
  });
});

describe("tiers", () => {
  const providers = { worse: ["w"], best: ["b"], equal: ["e"] };
  const plan = [["best", "equal"], ["worse"]];
  const listed = { best: ["m"], equal: ["vendor/M"], worse: ["m", "other"] };

  it("a model of a provider falls back to the same model of providers of the same or a worse tier", async () => {
    await using bench = await lab({
      providers,
      listed,
      plugins: [tiers(plan)],
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask("best/m");
    expect(bench.calls.map(({ provider, model }) => `${provider} ${model}`)).toEqual([
      "best m",
      "equal vendor/M",
      "worse m",
    ]);
    bench.asked();
    await bench.ask("worse/m");
    expect(bench.asked()).toBe("w");
    await bench.ask("worse/other");
    expect(bench.asked()).toBe("w");
  });

  it("pin and the absence of tiers() keep it at home", async () => {
    for (const plugins of [[tiers(plan, { pin: true })], []]) {
      await using bench = await lab({ providers, listed, plugins, retry: { sameCredential: 0 }, upstream: oops });
      await bench.ask("best/m");
      expect(bench.asked()).toBe("b");
    }
  });
});
