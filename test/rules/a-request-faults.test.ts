import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { rotate } from "waygate/plugins/rotate";
import { tiers } from "waygate/plugins/tiers";
import { answer, status } from "waygate/testing";
import { lab } from "./_lab.ts";

const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";

describe("A6 a fault of the request", () => {
  const faults: [number, object][] = [
    [
      400,
      { error: { message: "Unknown field", type: "invalid_request_error", param: "top_q", code: null, extra: [1, 2] } },
    ],
    [413, { error: { message: "Body too large", type: "invalid_request_error", limit: 5 } }],
    [422, { error: { message: "n must be 1", type: "invalid_request_error", nested: { deep: true } } }],
  ];

  it.each(faults)(
    "A6 a %i asks no other key, lets nothing rest and comes back in the upstream's words",
    async (code, body) => {
      await using bench = await lab({
        providers: { lab: ["a", "b"], other: ["x"] },
        listed: { lab: ["m"], other: ["m"] },
        plugins: [tiers([["lab"], ["other"]]), rotate({ mode: "sequential" }), cooldown()],
        upstream: status(code, body),
      });
      for (const count of [1, 2]) {
        const reply = await bench.ask();
        expect(reply.status).toBe(code);
        expect(JSON.parse(reply.text)).toEqual(body);
        expect(bench.calls).toHaveLength(count);
      }
      expect(bench.rests()).toEqual([]);
    },
  );

  it("A6 masks a secret in the upstream's words", async () => {
    const body = { error: { message: `The header was Bearer ${secret}`, type: "invalid_request_error", hint: secret } };
    await using bench = await lab({ upstream: status(400, body) });
    const { status: code, text } = await bench.ask();
    expect(code).toBe(400);
    expect(text).not.toContain("abcdefghijklmnopqrstuvwxyz");
    expect((JSON.parse(text) as typeof body).error).toMatchObject({ type: "invalid_request_error" });
  });

  it("A6 does not count as a failure in a row", async () => {
    const oops = status(500, { error: { message: "Oops" } });
    const script = [oops, status(400, { error: { message: "bad" } }), oops];
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      retry: { sameCredential: 0 },
      upstream: (request) => script[request.index]!,
    });
    await bench.ask();
    await bench.ask();
    expect(bench.rests()).toEqual([]);
    await bench.ask();
    expect(bench.rests()).toEqual([expect.stringMatching(/^a\/m cooling/)]);
  });
});

describe("A7 what does not fit and what is filtered", () => {
  const tooLong = status(400, {
    error: { message: "This model's maximum context length is 8192 tokens.", code: "context_length_exceeded" },
  });
  const filtered = status(400, { error: { message: "The prompt was flagged.", code: "content_filter" } });
  const providers = { small: ["a", "b"], large: ["x", "y"] };

  it("A7 context_length goes to the next target of an explicit alias and never to the same model again", async () => {
    await using bench = await lab({
      providers,
      plugins: [cooldown()],
      models: { smart: ["small/m", "large/m"] },
      upstream: { a: tooLong, b: tooLong },
    });
    const reply = await bench.ask("smart");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-fallback-provider")).toBe("large");
    expect(bench.asked()).toBe("a x");
    expect(bench.rests()).toEqual([]);
  });

  it("A7 context_length stops with the upstream's words when the name is no alias", async () => {
    await using bench = await lab({ providers, plugins: [tiers([["small"], ["large"]])], upstream: tooLong });
    const reply = await bench.ask("small/m");
    expect([reply.status, reply.error.code]).toEqual([400, "context_length_exceeded"]);
    expect(bench.asked()).toBe("a");
  });

  it("A7 context_length of every target of an alias asks each model once and is a 400", async () => {
    await using bench = await lab({
      providers,
      models: { smart: ["small/m", "large/m", "small/n"] },
      upstream: tooLong,
    });
    const reply = await bench.ask("smart");
    expect([reply.status, reply.error.code]).toEqual([400, "context_length_exceeded"]);
    expect(bench.calls.map(({ key, model }) => `${key} ${model}`)).toEqual(["a m", "x m", "a n"]);
  });

  it("A7 content_filter stops, also under an alias", async () => {
    await using bench = await lab({
      providers,
      plugins: [cooldown()],
      models: { smart: ["small/m", "large/m"] },
      upstream: filtered,
    });
    const reply = await bench.ask("smart");
    expect([reply.status, reply.error.code]).toEqual([400, "content_filter"]);
    expect(bench.asked()).toBe("a");
    expect(bench.rests()).toEqual([]);
  });

  it("A7 a policy may go on after content_filter, but not with the same model", async () => {
    const goOn = definePlugin({ name: "go-on", hooks: { fail: () => ({ then: "next" }) } });
    await using bench = await lab({
      providers,
      plugins: [goOn],
      models: { smart: ["small/m", "large/m"] },
      upstream: { a: filtered, b: filtered },
    });
    expect((await bench.ask("smart")).status).toBe(200);
    expect(bench.asked()).toBe("a x");
  });
});

describe("A4 what is the same for every key", () => {
  it("A4 a gateway's page pauses the provider and burns one key only", async () => {
    const page = status(403, "<!doctype html><html><title>Access denied</title></html>");
    await using bench = await lab({
      providers: { lab: ["a", "b", "c"], other: ["x"] },
      plugins: [cooldown()],
      models: { smart: ["lab/m", "other/m"] },
      upstream: { a: page, b: page, c: page },
    });
    for (let request = 0; request < 4; request++) expect((await bench.ask("smart")).status).toBe(200);
    // One failure may be chance; from the second in a row on the whole provider pauses.
    expect(bench.asked()).toBe("a x a x x x");
    expect(bench.rests()).toEqual([expect.stringMatching(/^lab cooling \d+$/)]);
  });

  it("A4 an account that is banned ends the request at its provider", async () => {
    const banned = status(403, { error: { message: "Your account has been suspended.", code: "account_suspended" } });
    await using bench = await lab({
      providers: { lab: ["a", "b"], other: ["x"] },
      plugins: [cooldown()],
      models: { smart: ["lab/m", "lab/n", "other/m"] },
      upstream: { a: banned, b: answer() },
    });
    expect((await bench.ask("smart")).status).toBe(200);
    expect(bench.asked()).toBe("a x");
    expect(bench.rests()).toEqual(["a banned Infinity"]);
  });
});
