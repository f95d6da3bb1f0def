/** Reports about keys and limits that no rule of its own shows, over the whole pipeline. */
import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { emptyAnswer } from "waygate/plugins/empty-answer";
import { limits } from "waygate/plugins/limits";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { resilience } from "waygate/plugins/resilience";
import { answer, gate, later, pause, silence, status, type Step, withHeaders } from "waygate/testing";
import { inTurn, type Lab, lab } from "./_lab.ts";
import { bench as overSockets } from "./_streams.ts";

const minute = 60_000;
const limited = (headers: { [name: string]: string } = {}): Step =>
  status(429, { error: { message: "Rate limit reached" } }, headers);
const used = (error: object, headers: { [name: string]: string } = {}): Step => status(429, { error }, headers);
const overloaded = status(529, { error: { message: "Overloaded", type: "overloaded_error" } });
const accounts = Array.from({ length: 8 }, (_, index) => `account-${index + 1}`);
const everybody = definePlugin({ name: "everybody", hooks: { auth: () => ({ id: "me", admin: true }) } });

async function statuses({ ask }: Lab, count: number, model = "lab/m"): Promise<string> {
  const seen: number[] = [];
  for (let request = 0; request < count; request++) seen.push((await ask(model)).status);
  return seen.join(" ");
}

describe("what rests because of one key", () => {
  it("report 1: a quota of one key rests that key for that model; its other models and the other keys answer", async () => {
    await using bench = await lab({
      plugins: [cooldown()],
      upstream: ({ key, model }) =>
        key === "a" && model === "m"
          ? used({ message: "You exceeded your current quota", code: "x" }, { "retry-after": "600" })
          : answer(),
    });
    expect(await statuses(bench, 3)).toBe("200 200 200");
    expect(await statuses(bench, 2, "lab/n")).toBe("200 200");
    expect(bench.calls.map(({ key, model }) => `${key}/${model}`).join(" ")).toBe("a/m b/m b/m b/m a/n a/n");
    expect(bench.rests()).toEqual(["a/m exhausted 600"]);
  });

  it.each([
    ["limits", limited({ "retry-after": "30" })],
    ["quotas", used({ message: "Daily quota exceeded" }, { "retry-after": "30" })],
  ])("report 1: not even %s of all keys rest the provider", async (_name, refusal) => {
    await using bench = await lab({
      plugins: [cooldown()],
      upstream: (request) => (request.model === "m" ? refusal : answer()),
    });
    for (let request = 0; request < 8; request++) await bench.ask();
    expect(bench.rests().map((rest) => rest.split(" ")[0])).toEqual(["a/m", "b/m", "c/m"]);
    expect((await bench.ask("lab/n")).status).toBe(200);
  });

  it("report 1: overload rests the provider when three different keys have met it, and not for two", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b", "c", "d"] },
      plugins: [cooldown()],
      retry: { sameCredential: 0, attempts: 1 },
      random: () => 0.5,
      upstream: overloaded,
    });
    /** Keys that are not to be asked for a second. */
    const without = (...keys: readonly string[]): void => {
      const rest = { state: "cooling", policy: "test", reason: "", kind: "failing" } as const;
      const until = bench.clock.now() + 1000;
      for (const key of keys) bench.pool.rest({ provider: "lab", credential: bench.id(key) }, { ...rest, until });
    };
    for (const model of ["m", "n", "o", "p", "q", "r"]) {
      await bench.ask(`lab/${model}`);
      without("a");
      await bench.ask(`lab/${model}`);
      await bench.clock.advance(1000);
    }
    expect(bench.asked()).toBe("a b a b a b a b a b a b");
    expect(bench.rests()).toEqual([]);
    without("a", "b");
    await bench.ask();
    expect([bench.asked(), bench.rests().at(-1)]).toEqual(["c", "lab cooling 5"]);
  });

  it("report 6: a quota of one of eight accounts leaves the model to the seven others", async () => {
    await using bench = await lab({
      providers: { lab: accounts },
      plugins: [resilience()],
      upstream: { "account-3": used({ message: "usage limit", type: "usage_limit_reached", resets_in_seconds: 7200 }) },
    });
    expect(await statuses(bench, 40)).toBe(Array(40).fill(200).join(" "));
    const asked = bench.asked().split(" ");
    expect(asked.filter((key) => key === "account-3")).toHaveLength(1);
    expect(new Set(asked)).toEqual(new Set(accounts));
    expect(bench.rests()).toEqual(["account-3 exhausted 7200"]);
  });

  it.each<[string, Step, string, string]>([
    [
      "of the account",
      used({ message: "x", type: "usage_limit_reached", resets_in_seconds: 600 }),
      "b b b",
      "a exhausted 600",
    ],
    [
      "of a group",
      used({ message: "Daily limit reached" }, { "retry-after": "600" }),
      "b b a",
      "a/gpt-5 exhausted 600",
    ],
    ["of a key", status(401, { error: { message: "Invalid API key" } }), "b b b", "a cooling 300"],
  ])("report 9: a limit %s is known to be that with the first answer", async (_name, refusal, asked, rest) => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [quotaGroups({ lab: { five: ["gpt-5*"] } }), cooldown()],
      upstream: { a: inTurn(refusal, answer()) },
    });
    expect(await statuses(bench, 1, "lab/gpt-5")).toBe("200");
    expect(bench.asked()).toBe("a b");
    for (const model of ["gpt-5", "gpt-5-mini", "o9"]) await bench.ask(`lab/${model}`);
    expect(bench.asked()).toBe(asked);
    expect(bench.rests()).toEqual([expect.stringMatching(rest.replace("gpt-5", "(?:gpt-5|five)"))]);
  });
});

describe("numbers of a quota", () => {
  const said = (remaining: number): Step =>
    withHeaders(answer(), {
      "x-ratelimit-limit-requests": "10",
      "x-ratelimit-remaining-requests": String(remaining),
    });

  it("report 2: the larger of both counts holds within a window, and the upstream's may be lower after it", async () => {
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [limits({ keys: { rpm: 10 }, upstream: true })],
      retry: { queueWait: 1, shortWait: 0 },
      upstream: inTurn(said(3), said(9), said(9), answer(), answer(), said(9)),
    });
    expect(await statuses(bench, 5)).toBe("200 200 200 200 429");
    await bench.clock.advance(minute);
    expect(await statuses(bench, 11)).toBe("200 200 200 200 200 200 200 200 200 200 429");
  });

  it("report 19: a request that its client leaves counts, and its upstream is told by a closed connection", async () => {
    const { proxy, upstream } = await overSockets({
      listen: true,
      plugins: [limits({ keys: { rpm: 2 } }), cooldown()],
      lab: { keys: ["k1"] },
      retry: { queueWait: 1, shortWait: 0 },
    });
    upstream.always(silence());
    for (let left = 1; left <= 2; left++) {
      const leaving = new AbortController();
      const sent = proxy.chat({ model: "lab/m", stream: true }, { signal: leaving.signal }).catch(() => "left");
      const request = await upstream.received(left);
      leaving.abort();
      expect([await sent, await request.closed]).toEqual(["left", "client"]);
      await proxy.recorded(left);
    }
    const third = await proxy.chat({ model: "lab/m" });
    expect([third.status, upstream.requests.length]).toEqual([429, 2]);
  });

  it("report 31: limits are each account's own, not one for all", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b", "c"] },
      plugins: [limits({ keys: { rpm: 2 } })],
      retry: { queueWait: 1, shortWait: 0 },
    });
    expect(await statuses(bench, 7)).toBe("200 200 200 200 200 200 429");
    expect(bench.asked().split(" ").toSorted().join(" ")).toBe("a a b b c c");
  });

  it("report 31: an answer with nothing in it is a failure that goes to the next account", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [emptyAnswer(), cooldown()],
      retry: { sameCredential: 0 },
      upstream: { a: answer({ text: "" }) },
    });
    expect((await bench.ask()).text).not.toContain('"content":""');
    expect(bench.asked()).toBe("a b");
    expect(bench.proxy.records[0]!.ctx.attempts.map(({ error }) => error?.kind)).toEqual(["upstream", undefined]);
  });
});

describe("the way back", () => {
  it("report 13: keys that were limited together do not all come back at the same moment", async () => {
    await using bench = await lab({ providers: { lab: accounts }, plugins: [cooldown()], upstream: limited() });
    for (let request = 0; request < 3; request++) await bench.ask();
    const ends = bench.pool.rests().map(({ rest }) => rest.until);
    expect(ends).toHaveLength(8);
    expect(new Set(ends).size).toBeGreaterThan(6);
  });

  it("report 21: a quota without a time is tried every five minutes at most, until credit was added", async () => {
    let paid = false;
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: () => (paid ? answer() : used({ message: "You exceeded your current quota for today" })),
    });
    for (let second = 0; second < 1800; second += 10) {
      await bench.ask();
      await bench.clock.advance(10_000);
    }
    expect(bench.calls.map(({ at }) => at / minute)).toEqual([0, 5, 10, 15, 20, 25]);
    paid = true;
    expect((await bench.ask()).status).toBe(200);
    expect(bench.rests()).toEqual([]);
  });

  it("reports 8, 21: whoever has added credit may end a rest of whatever length at once, without a restart", async () => {
    let paid = false;
    for (const refusal of [
      used({ message: "Usage limit", type: "usage_limit_reached" }, { "retry-after": "604800" }),
      used({ message: "You exceeded your current quota", type: "insufficient_quota" }),
    ]) {
      await using bench = await lab({
        providers: { lab: ["a"] },
        plugins: [everybody, cooldown()],
        upstream: () => (paid ? answer() : refusal),
      });
      paid = false;
      expect((await bench.ask()).status).toBeGreaterThan(428);
      paid = true;
      expect((await bench.ask()).status).toBeGreaterThan(428);
      const path = `/api/keys/${encodeURIComponent(bench.id("a"))}/enable`;
      expect((await bench.finish(bench.proxy.fetch(path, { method: "POST" }))).status).toBe(200);
      expect((await bench.ask()).status).toBe(200);
      expect(bench.asked()).toBe("a a");
    }
  });

  it("report 8: a rest of unknown length is five minutes at most, and one request finds out whether it is over", async () => {
    let back = false;
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      random: () => 0.999_999,
      upstream: () => (back ? answer() : limited()),
    });
    for (let round = 0; round < 12; round++) {
      await bench.ask();
      const [rest] = bench.pool.rests();
      const left = rest!.rest.until - bench.clock.now();
      expect(left).toBeLessThanOrEqual(5 * minute);
      await bench.clock.advance(left);
    }
    back = true;
    expect((await bench.ask()).status).toBe(200);
  });
});

describe("what a failure is called", () => {
  const passing = status(400, { error: { message: "upstream connect error or disconnect/reset before headers" } });
  const fault = status(400, { error: { message: "max_tokens is too large" } });

  it("report 14: a provider's own patterns make a 400 the server's trouble, for the next key, and leave other 400s alone", async () => {
    const { proxy, upstream } = await overSockets({
      listen: true,
      plugins: [cooldown()],
      lab: { failures: [{ status: [400], body: /connect error/, kind: "upstream" }] },
      retry: { sameCredential: 0 },
    });
    upstream.reply(passing, answer(), fault);
    expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
    expect((await proxy.chat({ model: "lab/m" })).status).toBe(400);
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map(({ error }) => error?.kind)).toEqual(["upstream", undefined]);
    expect((await proxy.recorded(2)).ctx.attempts.map(({ error }) => error?.kind)).toEqual(["invalid_request"]);
  });

  it("report 14: and so do the rules of a config", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [cooldown()],
      retry: { sameCredential: 0 },
      upstream: { a: passing, b: fault },
      errors: [{ status: 400, match: "connect error", then: "upstream" }],
    });
    const reply = await bench.ask();
    expect([reply.status, bench.asked()]).toEqual([400, "a b"]);
  });

  /** Everything that this proxy refuses by itself when it has too much to do or nobody to ask. */
  const codes = [
    "queue_full",
    "deadline_exceeded",
    "rate_limit_exceeded",
    "quota_exceeded",
    "all_credentials_exhausted",
  ];

  it("report 27: what this proxy refuses by itself has a code of its own, and counts no call", async () => {
    const door = gate();
    await using busy = await lab({
      providers: { lab: ["a"] },
      concurrency: 1,
      retry: { queueWait: 100 },
      upstream: later(answer(), door),
    });
    const first = busy.proxy.chat({ model: "lab/m" });
    await busy.clock.advance(0);
    const queued = await busy.ask();
    expect([queued.status, queued.error.code, queued.headers.get("x-waygate-attempts")]).toEqual([
      429,
      "queue_full",
      "0",
    ]);
    door.open();
    await busy.finish(first);

    await using late = await lab({
      retry: { deadline: 1000, sameCredential: 0 },
      upstream: later(overloaded, pause(600)),
    });
    const overdue = await late.ask();
    expect([overdue.status, overdue.error.code]).toEqual([504, "deadline_exceeded"]);

    await using resting = await lab({ plugins: [cooldown()], upstream: limited({ "retry-after": "60" }) });
    await resting.ask();
    const refused = await resting.ask();
    expect([refused.error.code, refused.headers.get("x-waygate-attempts")]).toEqual(["rate_limit_exceeded", "0"]);
  });

  it.each([500, 502, 503, 504, 520])(
    "report 27: an upstream's %i is upstream_error, whatever it calls itself",
    async (code) => {
      for (const word of codes) {
        await using bench = await lab({
          providers: { lab: ["a"] },
          retry: { sameCredential: 0 },
          upstream: status(code, { error: { message: "Hm.", type: "x", code: word } }),
        });
        const reply = await bench.ask();
        expect([reply.status, reply.error.code]).toEqual([code, "upstream_error"]);
        expect(reply.error.details!.attempts).toMatchObject([{ provider: "lab" }]);
      }
    },
  );

  it.each([400, 422])("report 27: an upstream's %i cannot pass for a refusal of this proxy", async (code) => {
    for (const word of [...codes, "invalid_api_key", "shutting_down"]) {
      const shown = async (path: string): Promise<string> => {
        await using bench = await lab({
          providers: { lab: ["a"] },
          upstream: status(code, { error: { message: "n is too large", type: "x", code: word } }),
        });
        const body = JSON.stringify({ model: "lab/m", max_tokens: 9, messages: [{ role: "user", content: "x" }] });
        const reply = await bench.finish(
          bench.proxy.fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body }),
        );
        return reply.text;
      };
      for (const path of ["/v1/chat/completions", "/v1/messages"]) expect(await shown(path)).not.toContain(word);
    }
  });
});
