import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { answer, drop, errorInside, status } from "waygate/testing";
import { inTurn, lab } from "../rules/_lab.ts";

const odd = status(400, { error: { message: "The pool of this minute is empty", code: "pool_empty" } });
const two = { lab: ["a", "b"] };

describe("a rule of errors", () => {
  it("sends a request on that the core would have ended, and blames nobody for the first time (report 14)", async () => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: odd },
      errors: [{ status: 400, match: "pool_empty", then: "next" }],
    });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a b");
    expect(bench.rests()).toEqual([]);
  });

  it("ends a request that the core would have sent on", async () => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: status(500, { error: { message: "The prompt broke the model" } }) },
      errors: [{ status: "5xx", match: "/prompt broke/", then: "stop" }],
    });
    expect((await bench.ask()).status).toBe(500);
    expect(bench.asked()).toBe("a");
  });

  it("comes before what a plugin says, which is told all the same", async () => {
    const told: string[] = [];
    await using bench = await lab({
      providers: two,
      plugins: [{ name: "stubborn", hooks: { fail: (error) => (told.push(error.kind), { then: "stop" as const }) } }],
      upstream: { a: odd },
      errors: [
        { then: "overloaded", status: 418 },
        { then: "next", status: 400 },
      ],
    });
    expect((await bench.ask()).status).toBe(200);
    expect(told).toEqual(["upstream"]);
  });

  it("names a kind, with all that follows from it, and the status of that kind", async () => {
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: { a: odd },
      errors: [{ match: "pool", then: "quota_exhausted" }],
    });
    const reply = await bench.ask();
    expect([reply.status, reply.error.code]).toEqual([429, "quota_exceeded"]);
    expect(bench.rests()).toEqual(["a/m exhausted 300"]);
  });

  it("comes before a provider's own reading", async () => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: status(401, { error: { message: "Invalid API key" } }) },
      errors: [{ status: 401, then: "overloaded" }],
    });
    await bench.ask();
    expect(bench.rests()).toEqual([]);
  });

  it("has the time of a provider's reading only for the kind that it is", async () => {
    const bare = openaiCompatible({
      name: "own",
      baseURL: "http://own.invalid/v1",
      keys: [{ value: "o", label: "o" }],
      models: ["m"],
      classify: ({ now }) => ({ kind: "quota_exhausted", retryAt: now + 7_200_000 }),
    });
    for (const [then, rest] of [
      ["quota_exhausted", "o/m exhausted 7200"],
      ["rate_limited", "o/m cooling 10"],
    ] as const) {
      await using bench = await lab({
        providers: {},
        plugins: [bare, cooldown()],
        upstream: odd,
        random: () => 0.5,
        errors: [{ status: 400, then }],
      });
      await bench.ask("own/m");
      expect(bench.rests()).toEqual([rest]);
    }
  });

  it.each([
    ["credential", "a cooling 60", "b b"],
    ["model", "a/m cooling 60", "b a"],
    ["provider", "lab cooling 60", ""],
  ] as const)("lets the %s rest as long as it says", async (scope, rest, after) => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: inTurn(odd, answer()) },
      errors: [{ status: 400, then: "next", scope, cooldown: "60s" }],
    });
    await bench.ask();
    expect(bench.rests()).toEqual([rest]);
    bench.asked();
    await bench.ask("lab/m");
    await bench.ask("lab/other");
    expect(bench.asked()).toBe(after);
    await bench.clock.advance(60_000);
    expect(bench.rests()).toEqual([]);
  });

  it("tells the client that it stops when to come back", async () => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: status(429, { error: { message: "Slow down" } }, { "retry-after": "3600" }),
      errors: [{ status: 429, then: "stop", cooldown: "5s" }],
    });
    expect((await bench.ask()).headers.get("retry-after")).toBe("5");
    expect(bench.asked()).toBe("a");
  });

  it("wins over the time that the upstream names, and with 0 nothing rests", async () => {
    const limit = status(429, { error: { message: "Slow down" } }, { "retry-after": "3600" });
    await using bench = await lab({
      providers: { lab: ["a"], other: ["x"] },
      plugins: [cooldown()],
      upstream: limit,
      errors: [
        { provider: "other", then: "rate_limited", cooldown: 0 },
        { status: 429, then: "rate_limited", cooldown: 5000 },
      ],
    });
    expect((await bench.ask("lab/m")).headers.get("retry-after")).toBe("5");
    await bench.ask("other/m");
    expect(bench.rests()).toEqual(["a/m cooling 5"]);
  });

  it("lets nothing rest where it says that the request is at fault", async () => {
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: status(429, { error: { message: "This prompt is odd" } }),
      errors: [{ match: "odd", then: "stop", scope: "request", cooldown: 5000 }],
    });
    expect((await bench.ask()).status).toBe(429);
    expect(bench.asked()).toBe("a");
    expect(bench.rests()).toEqual([]);
  });

  it("asks the same key once more, and no oftener, before the next", async () => {
    const limit = status(429, { error: { message: "Hiccup" } });
    await using bench = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: inTurn(limit, limit, answer()) },
      errors: [{ match: "hiccup", then: "same" }],
    });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a a b");
    expect(bench.rests()).toEqual([expect.stringMatching(/^a\/m cooling \d+$/)]);

    await using quick = await lab({
      providers: two,
      plugins: [cooldown()],
      upstream: { a: inTurn(limit, answer()) },
      errors: [{ match: "hiccup", then: "same" }],
    });
    expect((await quick.ask()).took).toBeGreaterThan(0);
    expect(quick.asked()).toBe("a a");
    expect(quick.rests()).toEqual([]);
  });

  it.each([true, false])("fits an error inside a success, streamed %s", async (stream) => {
    await using bench = await lab({
      providers: two,
      upstream: { a: errorInside({ message: "daily pool empty", code: 400, type: "invalid_request_error" }) },
      errors: [{ status: 400, match: "daily pool", then: "next" }],
    });
    const reply = await bench.finish(bench.proxy.chat({ model: "lab/m", stream }));
    expect(reply.status).toBe(200);
    expect(bench.asked()).toBe("a b");
  });

  it("fits a connection that is lost, when it asks for no status", async () => {
    await using bench = await lab({
      providers: two,
      upstream: { a: drop() },
      retry: { sameCredential: 0 },
      errors: [
        { status: "5xx", then: "next" },
        { provider: "lab", then: "stop" },
      ],
    });
    expect((await bench.ask()).status).toBe(502);
    expect(bench.asked()).toBe("a");
  });

  it("that does not fit changes nothing", async () => {
    await using bench = await lab({
      providers: two,
      upstream: { a: odd },
      errors: [
        { status: 400, provider: "lab", model: "other", then: "next" },
        { status: 400, match: "/POOL_EMPTY/", then: "next" },
      ],
    });
    expect((await bench.ask()).status).toBe(400);
    expect(bench.asked()).toBe("a");
  });
});
