/** Rule B4: five separate limits. Each fires alone, in virtual time; everything else is off. */
import { describe, expect, it } from "vitest";
import { definePlugin, type Timeouts } from "waygate";
import {
  allEvents,
  chunk,
  comment,
  forever,
  pause,
  scripted,
  silence,
  status,
  stream,
  virtualClock,
  type VirtualHandler,
} from "waygate/testing";
import { bench, virtualBench, watcher } from "./_streams.ts";

const DAY = 86_400_000;
const never = (): Promise<never> => new Promise(() => {});
const role = chunk({ role: "assistant", content: "" });
const done = status(200, {
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
});

interface Case {
  readonly name: string;
  readonly limit: keyof Timeouts;
  /** When it must fire, after the start of the request. */
  readonly at: number;
  readonly handler: VirtualHandler;
  readonly stream?: boolean;
  /** True when content has reached the client before. */
  readonly committed?: true;
}

const late: VirtualHandler = async (_wire, call) => {
  await call.connect(DAY);
  return never();
};
const slowly = scripted(
  stream([role, pause(400), chunk({ content: "a" }), pause(999), chunk({ content: "b" }), pause(DAY)]),
);
const endless = Array.from({ length: 500 }, () => [chunk({ content: "x" }), pause(700)]).flat();
const comments = Array.from({ length: 500 }, () => [comment(), pause(300)]).flat();

const cases: readonly Case[] = [
  { name: "connect: no connection", limit: "connect", at: 1000, handler: late },
  { name: "connect: no connection for a whole answer", limit: "connect", at: 1000, handler: late, stream: false },
  { name: "headers: none for a stream", limit: "headers", at: 1000, handler: never },
  { name: "whole: no headers for a whole answer", limit: "whole", at: 1000, handler: never, stream: false },
  { name: "firstToken: no header has come", limit: "firstToken", at: 1000, handler: never },
  { name: "firstToken: no connection has come", limit: "firstToken", at: 1000, handler: late },
  { name: "firstToken: headers only", limit: "firstToken", at: 1000, handler: scripted(stream([pause(DAY)])) },
  {
    name: "firstToken: a role is none",
    limit: "firstToken",
    at: 1000,
    handler: scripted(stream([pause(600), role, pause(DAY)])),
  },
  { name: "firstToken: comments do not count", limit: "firstToken", at: 1000, handler: scripted(stream(comments)) },
  { name: "idle: no header has come", limit: "idle", at: 1000, handler: never },
  { name: "idle: headers only", limit: "idle", at: 1000, handler: scripted(stream([pause(DAY)])) },
  { name: "idle: silence after a role", limit: "idle", at: 1000, handler: scripted(stream([role, pause(DAY)])) },
  { name: "idle: silence after content", limit: "idle", at: 2399, handler: slowly, committed: true },
  {
    name: "idle: half a whole answer",
    limit: "idle",
    at: 1000,
    handler: scripted({ ...done, body: [Buffer.from('{"choices":'), pause(DAY)] }),
    stream: false,
  },
  {
    name: "idle: half a whole answer to who asked for a stream",
    limit: "idle",
    at: 1000,
    handler: scripted({ ...done, body: [Buffer.from('{"choices":'), pause(DAY)] }),
  },
  {
    name: "idle: silence in a stream for who asked for a whole answer",
    limit: "idle",
    at: 1500,
    handler: scripted(stream([role, pause(500), chunk({ content: "a" }), pause(DAY)])),
    stream: false,
  },
  { name: "total: no connection", limit: "total", at: 1000, handler: late },
  { name: "total: no header has come", limit: "total", at: 1000, handler: never },
  { name: "total: no header of a whole answer has come", limit: "total", at: 1000, handler: never, stream: false },
  { name: "total: comments only", limit: "total", at: 1000, handler: scripted(stream(comments)) },
  {
    name: "total: a stream that goes on",
    limit: "total",
    at: 1000,
    handler: scripted(stream(endless)),
    committed: true,
  },
];

describe("B4 each limit alone", () => {
  it.each(cases)("B4 $name", async ({ limit, at, handler, stream: asked = true, committed }) => {
    const watch = watcher();
    const { proxy, clock } = await virtualBench(handler, {
      timeouts: { [limit]: 1000 },
      lab: { keys: ["k1"] },
      plugins: [watch.plugin],
    });
    const pending = proxy.chat({ model: "lab/m", stream: asked }).then(async (response) => ({
      status: response.status,
      text: await response.text(),
    }));
    await clock.run(2 * DAY);
    const { status: code, text } = await pending;
    const { outcome, ctx } = await proxy.recorded(1);

    expect(code).toBe(committed ? 200 : 504);
    if (committed) expect(text.trimEnd().split("\n\n").at(-1)).toContain('"upstream_error"');
    expect(outcome.end).toBe("upstream-failed");
    expect(outcome.error?.kind).toBe("timeout");
    expect(ctx.attempts).toHaveLength(1);
    expect(ctx.attempts[0]?.error?.message).toContain(limit === "whole" ? "headers" : limit);
    expect(outcome.endedAt - outcome.startedAt).toBe(at);
    expect(watch.told).toMatchObject([{ committed: committed ?? false, error: { kind: "timeout" } }]);
    expect(watch.cleaned).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  it.each([true, false])("B4 with all limits off nobody is in a hurry (stream: %s)", async (asked) => {
    const { proxy, clock } = await virtualBench(async (wire, call) => {
      await call.connect(DAY);
      await call.wait(DAY);
      const parts = [role, pause(DAY), chunk({ content: "ok" }), pause(DAY), chunk({}, { finish: "stop" })];
      return asked
        ? scripted(stream(parts))(wire, call)
        : scripted({ ...done, body: [pause(DAY), ...done.body] })(wire, call);
    });
    const pending = proxy.chat({ model: "lab/m", stream: asked }).then((response) => response.text());
    await clock.run(10 * DAY);
    expect(await pending).toContain('"ok"');
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("B4 a first token after more silence than the idle limit is in time", async () => {
    const { proxy, clock } = await virtualBench(
      scripted(stream([pause(5000), role, pause(4000), chunk({ content: "thought" }), chunk({}, { finish: "stop" })])),
      { timeouts: { firstToken: 10_000, idle: 1000 } },
    );
    const pending = proxy.chat({ model: "lab/m", stream: true }).then((response) => response.text());
    await clock.run(DAY);
    expect(await pending).toContain("[DONE]");
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("B4 comments keep a stream from being idle", async () => {
    const { proxy, clock } = await virtualBench(
      scripted(stream([chunk({ content: "a" }), ...comments.slice(0, 40), chunk({}, { finish: "stop" })])),
      { timeouts: { idle: 1000 } },
    );
    const pending = proxy.chat({ model: "lab/m", stream: true }).then((response) => response.text());
    await clock.run(DAY);
    expect(await pending).toContain("[DONE]");
  });

  it("B4 a provider's own limits go before the config's", async () => {
    const { proxy, clock } = await virtualBench(never, {
      timeouts: { headers: 90_000 },
      lab: { keys: ["k1"], timeouts: { headers: 250 } },
    });
    const pending = proxy.chat({ model: "lab/m", stream: true });
    await clock.run(DAY);
    expect((await pending).status).toBe(504);
    const { outcome } = await proxy.recorded(1);
    expect(outcome.endedAt - outcome.startedAt).toBe(250);
  });
});

describe("B4 who is not to blame", () => {
  it("B4 a client that stops reading for an hour trips no idle limit", async () => {
    const big = Buffer.alloc(200_000, `data: ${JSON.stringify(chunk({ content: "x".repeat(900) }))}\n\n`);
    const whole = big.subarray(0, big.lastIndexOf("\n\n") + 2);
    const { proxy, clock } = await virtualBench(
      scripted(stream([chunk({ content: "a" }), whole, whole, chunk({}, { finish: "stop" })])),
      { timeouts: { idle: 1000 } },
    );
    const response = await proxy.chat({ model: "lab/m", stream: true });
    await clock.advance(3_600_000);
    const events = await allEvents(response);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("B4 once such a client reads on, silence of the upstream counts again", async () => {
    const frame = `data: ${JSON.stringify(chunk({ content: "x".repeat(100_000) }))}\n\n`;
    const { proxy, clock } = await virtualBench(scripted(stream([Buffer.from(frame), pause(DAY)])), {
      timeouts: { idle: 1000 },
    });
    const response = await proxy.chat({ model: "lab/m", stream: true });
    await clock.advance(3_600_000);
    expect(proxy.records).toHaveLength(0);
    const reading = response.text();
    await clock.advance(5000);
    expect(await reading).toContain('"upstream_error"');
    const { outcome } = await proxy.recorded(1);
    expect(outcome.endedAt - outcome.startedAt).toBe(3_601_000);
  });

  it("B4 the total limit is for slow clients too", async () => {
    const { proxy, clock } = await virtualBench(
      scripted(stream([forever(`data: ${JSON.stringify(chunk({ content: "y".repeat(900) }))}\n\n`)])),
      { timeouts: { total: 10_000 }, lab: { keys: ["k1"] } },
    );
    const response = await proxy.chat({ model: "lab/m", stream: true });
    await clock.advance(9999);
    expect(proxy.records).toHaveLength(0);
    await clock.advance(1);
    expect((await proxy.recorded(1)).outcome.error?.message).toContain("total");
    expect((await allEvents(response)).at(-1)?.json).toHaveProperty("error");
  });

  it("B4 a failed answer that never ends is judged by its status and what was read", async () => {
    const { proxy, clock } = await virtualBench(
      scripted({ ...status(429), body: [Buffer.from('{"error":{"message":"slow down"}}'), pause(DAY)] }),
      { lab: { keys: ["k1"] }, timeouts: { idle: 180_000 } },
    );
    const pending = proxy.chat({ model: "lab/m" });
    await clock.run(60_000);
    expect((await pending).status).toBe(429);
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts[0]?.error).toMatchObject({ kind: "rate_limited", upstream: { status: 429 } });
  });
});

describe("B4 plugins that do not listen", () => {
  const deaf = (stage: "transform" | "call") =>
    definePlugin({
      name: "deaf",
      hooks: {
        ...(stage === "transform" && { transform: never }),
        ...(stage === "call" && { call: never }),
      },
    });

  it.each(["transform", "call"] as const)("B4 the total limit ends a %s hook that hangs", async (stage) => {
    const { proxy, clock } = await virtualBench(never, {
      timeouts: { total: 1000 },
      lab: { keys: ["k1"] },
      plugins: [deaf(stage)],
    });
    const pending = proxy.chat({ model: "lab/m" });
    await clock.run(DAY);
    expect((await pending).status).toBe(504);
    expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.message).toContain("total");
  });

  it("B4 an answer that comes after its attempt was given up is thrown away", async () => {
    const { promise: answered, resolve: reply } = Promise.withResolvers<Response>();
    const { promise: cancelled, resolve: cancel } = Promise.withResolvers<unknown>();
    const hook = definePlugin({ name: "slow", hooks: { call: () => answered } });
    const { proxy, clock } = await virtualBench(never, {
      timeouts: { total: 1000 },
      lab: { keys: ["k1"] },
      plugins: [hook],
    });
    const pending = proxy.chat({ model: "lab/m" });
    await clock.run(DAY);
    expect((await pending).status).toBe(504);
    reply(new Response(new ReadableStream({ cancel })));
    await cancelled;
  });
});

it.each(["headers", "firstToken", "idle", "total"] as const)(
  "B4 over a real socket the %s limit ends the upstream's connection",
  async (limit) => {
    const clock = virtualClock();
    const off = { connect: 0, headers: 0, whole: 0, firstToken: 0, idle: 0, total: 0 };
    const { proxy, upstream } = await bench({
      listen: true,
      runtime: { clock },
      timeouts: { ...off, [limit]: 1000 },
      lab: { keys: ["k1"] },
    });
    upstream.always(silence());
    const sent = proxy.chat({ model: "lab/m", stream: true });
    const request = await upstream.received(1);
    await clock.advance(1000);
    expect((await sent).status).toBe(504);
    expect(await request.closed).toBe("client");
  },
);
