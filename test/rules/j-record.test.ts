/** Rule J3: exactly one record per request, whatever becomes of it, with all attempts and the outcome. */
import { describe, expect, it } from "vitest";
import type { Context, Outcome, PluginHooks } from "waygate";
import { proxyKey } from "waygate/plugins/proxy-key";
import { answer, chunk, forever, gate, silence, status, stream } from "waygate/testing";
import { type Bench, bench, hooked } from "./_pipeline.ts";

interface Seen {
  readonly outcome: Outcome;
  readonly ctx: Context;
}

/** Collects what a `record` hook is given. */
function recorder(): { readonly plugin: ReturnType<typeof hooked>; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  return { plugin: hooked({ record: (outcome, ctx) => void seen.push({ outcome, ctx }) }, "recorder"), seen };
}

/** The one record of the request with a model; fails when there are more. */
async function only({ proxy }: Bench, seen: readonly Seen[]): Promise<Seen> {
  await proxy.recorded(1);
  // Another request, recorded after everything that the first one still had to do.
  await (await proxy.fetch("/v1/chat/completions", { method: "POST", body: "{}" })).text();
  await proxy.recorded(2);
  await new Promise((resolve) => setImmediate(resolve));
  const [first, ...rest] = seen.filter((each) => each.ctx.model !== "");
  expect(rest).toEqual([]);
  return first!;
}

const facts = ({ outcome, ctx }: Seen): object => ({
  status: outcome.status,
  end: outcome.end,
  kinds: ctx.attempts.map((attempt) => attempt.error?.kind ?? "none"),
  answeredBy: outcome.answeredBy && ctx.attempts.indexOf(outcome.answeredBy),
});

describe("J3 exactly one record", () => {
  it.each([true, false])("J3 for an answer, with the failed attempt before it (stream: %s)", async (asStream) => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    both.upstream.reply(status(429, {}, { "retry-after": "9" }), answer({ text: "hello" }));
    const response = await both.proxy.chat({ model: "lab/m", stream: asStream });
    const text = await response.text();
    const one = await only(both, seen);
    expect(facts(one)).toEqual({ status: 200, end: "complete", kinds: ["rate_limited", "none"], answeredBy: 1 });
    expect(one.outcome.usage).toMatchObject({ input: 9, output: 3 });
    expect(one.outcome.finish).toBe("stop");
    expect(one.outcome.bytes).toBe(Buffer.byteLength(text));
    expect(one.outcome.error).toBeUndefined();
  });

  it("J3 not before the last byte of a stream", async () => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    const hold = gate();
    both.upstream.always(stream([chunk({ content: "he" }), hold, chunk({ content: "llo" }, { finish: "stop" })]));
    const response = await both.proxy.chat({ model: "lab/m", stream: true });
    await hold.reached;
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toContain("he");
    expect(seen).toEqual([]);
    hold.open();
    while (!(await reader.read()).done);
    expect(facts(await only(both, seen))).toMatchObject({ status: 200, end: "complete" });
  });

  const refusals: readonly [string, number, RequestInit & { readonly path?: string }][] = [
    ["without a key", 401, { headers: {} }],
    ["that is not JSON", 400, { body: "{" }],
    ["that is too large", 413, { body: JSON.stringify({ model: "lab/m", pad: "x".repeat(3000) }) }],
    ["of a wrong type", 415, { headers: { authorization: "Bearer proxy-secret", "content-type": "text/html" } }],
    [
      "for an unknown model",
      404,
      { body: JSON.stringify({ model: "nobody/x", messages: [{ role: "user", content: "x" }] }) },
    ],
  ];

  it.each(refusals)("J3 for a request %s (%i)", async (_, code, init) => {
    const { plugin, seen } = recorder();
    await using both = await bench([proxyKey({ keys: "proxy-secret" }), plugin], { server: { maxBody: 2000 } });
    const headers = { authorization: "Bearer proxy-secret", "content-type": "application/json" };
    const response = await both.proxy.fetch("/v1/chat/completions", { method: "POST", headers, body: "{}", ...init });
    expect(response.status).toBe(code);
    await both.proxy.recorded(1);
    expect(seen.map(({ outcome }) => [outcome.status, outcome.end])).toEqual([[code, "refused"]]);
    expect(seen[0]?.ctx.attempts).toEqual([]);
    expect(both.upstream.requests).toHaveLength(0);
  });

  it("J3 when every key has failed", async () => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    both.upstream.always(status(429, {}, { "retry-after": "60" }));
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(429);
    const one = await only(both, seen);
    expect(facts(one)).toEqual({ status: 429, end: "upstream-failed", kinds: ["rate_limited", "rate_limited"] });
    expect(one.outcome.error?.code).toBe("rate_limit_exceeded");
  });

  it("J3 when the client leaves before an answer began", async () => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    both.upstream.always(silence());
    const leave = new AbortController();
    const pending = both.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await both.upstream.received(1);
    leave.abort();
    await pending.catch(() => undefined);
    expect(facts(await only(both, seen))).toEqual({ status: 499, end: "client-aborted", kinds: ["aborted"] });
    expect(both.upstream.requests).toHaveLength(1);
  });

  it.each(["cancels the body", "aborts its request"])("J3 when the client %s after the answer began", async (how) => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    const usage = { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5 };
    const endless = forever(`data: ${JSON.stringify(chunk({ content: "x" }, { usage }))}\n\n`);
    both.upstream.always(stream([endless]));
    const leave = new AbortController();
    const response = await both.proxy.chat({ model: "lab/m", stream: true }, { signal: leave.signal });
    const reader = response.body!.getReader();
    await reader.read();
    if (how === "cancels the body") await reader.cancel();
    else leave.abort();
    const one = await only(both, seen);
    expect(facts(one)).toMatchObject({ status: 200, end: "client-aborted", answeredBy: 0 });
    expect(one.outcome.usage).toMatchObject({ input: 4 });
  });

  it("J3 when the upstream fails after the answer began", async () => {
    const { plugin, seen } = recorder();
    await using both = await bench([plugin]);
    const frames = [chunk({ content: "he" }), { error: { message: "overloaded", type: "server_error", code: 503 } }];
    both.upstream.always(stream(frames, { noDone: true }));
    const response = await both.proxy.chat({ model: "lab/m", stream: true });
    expect(await response.text()).toContain('"error"');
    const one = await only(both, seen);
    expect(facts(one)).toMatchObject({ status: 200, end: "upstream-failed", kinds: ["overloaded"], answeredBy: 0 });
    expect(one.outcome.error?.kind).toBe("overloaded");
  });

  const throwing: readonly [string, PluginHooks, number, string][] = [
    ["auth", { auth: () => Promise.reject(new Error("own")) }, 500, "refused"],
    ["filter", { filter: () => Promise.reject(new Error("own")) }, 500, "refused"],
    ["filter's when", { filter: { when: () => JSON.parse("{") as boolean, handler: () => undefined } }, 500, "refused"],
    ["selectKey", { selectKey: () => Promise.reject(new Error("own")) }, 500, "refused"],
    ["transform", { transform: () => Promise.reject(new Error("own")) }, 500, "upstream-failed"],
    ["call", { call: () => Promise.reject(new Error("own")) }, 500, "upstream-failed"],
  ];
  it.each(throwing)("J3 when %s throws", async (_, hooks, code, end) => {
    const { plugin, seen } = recorder();
    await using both = await bench([hooked(hooks), plugin], { faults: /probe/ });
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(code);
    await both.proxy.recorded(1);
    expect(seen.map(({ outcome }) => [outcome.status, outcome.end])).toEqual([[code, end]]);
  });
});
