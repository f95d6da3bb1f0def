import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import {
  answer,
  chunk,
  cut,
  gate,
  pause,
  readEvents,
  scripted,
  type Step,
  stream,
  textOfEvents,
  allEvents,
} from "waygate/testing";
import { carry } from "waygate/plugins/carry";
import { definePlugin, type StreamEvent } from "waygate";
import { bench, readToEnd, virtualBench, watcher, ways } from "../rules/_streams.ts";

const begun = [chunk({ role: "assistant", content: "" }), chunk({ content: "Hel" }), chunk({ content: "lo" })];
const whole = [...begun, chunk({ content: " world" }), chunk({}, { finish: "stop" })];
const asked = { model: "lab/m", stream: true };
const bytesOf = (frames: readonly object[]): string =>
  frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("") + "data: [DONE]\n\n";

const breaks: readonly [string, Step][] = [
  ["a closed connection", cut(stream(begun, { noDone: true }), Infinity, "destroy")],
  ["an end without a finish", stream(begun, { noDone: true })],
  ["an error inside", stream([...begun, { error: { message: "the worker died", code: 500 } }], { noDone: true })],
];

describe.each(ways)("on the path of %s", (way, plugins) => {
  it.each(breaks)("B2 %s after content is followed by the next key and not seen", async (_name, step) => {
    const watch = watcher();
    const { proxy, upstream } = await bench({ listen: true, plugins: [wholeAnswer(), ...plugins(), watch.plugin] });
    upstream.when({ key: "k1" }, step);
    upstream.when({ key: "k2" }, stream(whole));
    const { text } = await readToEnd(await proxy.chat(asked));
    expect(text).not.toContain("error");
    expect(textOfEvents(await allEvents(new Response(text)))).toBe("Hello world");
    if (way === "bytes") expect(text).toBe(bytesOf(whole));
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", path: way });
    expect(outcome.answeredBy).toBe(ctx.attempts.at(-1));
    expect(ctx.attempts.map((attempt) => attempt.committed)).toEqual([...ctx.attempts.slice(1).map(() => false), true]);
    expect(watch.told.every((told) => !told.committed)).toBe(true);
    expect(watch.cleaned).toEqual(ctx.attempts.map((attempt) => attempt.index));
  });

  it("B2 a stall after content is waited for elsewhere", async () => {
    const { proxy, clock } = await virtualBench(
      scripted((request) => (request.key === "k1" ? stream([...begun, gate()]) : stream(whole))),
      { plugins: [wholeAnswer(), ...plugins()], timeouts: { idle: 5000, firstToken: 2000 }, server: { keepAlive: 0 } },
    );
    const reading = proxy.chat(asked).then((response) => allEvents(response));
    await clock.advance(5000);
    expect(textOfEvents(await reading)).toBe("Hello world");
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map(({ error }) => error?.kind)).toEqual(["timeout", undefined]);
  });

  it("an answer that takes longer than the first token may is not late", async () => {
    const slow = whole.flatMap((frame) => [frame, pause(1500)]);
    const { proxy, clock } = await virtualBench(scripted(stream(slow)), {
      plugins: [wholeAnswer(), ...plugins()],
      timeouts: { idle: 2000, firstToken: 2000 },
    });
    const reading = proxy.chat(asked).then((response) => allEvents(response));
    await clock.advance(20_000);
    expect(textOfEvents(await reading)).toBe("Hello world");
    const { outcome, ctx } = await proxy.recorded(1);
    expect(ctx.attempts).toHaveLength(1);
    expect(outcome.firstByteAt! - outcome.startedAt).toBe(1500);
  });

  it("an answer above the limit goes on live from there, and then breaks where it breaks", async () => {
    const hold = gate();
    const big = chunk({ content: "b".repeat(3000) });
    const { proxy, upstream } = await bench({ listen: true, plugins: [wholeAnswer({ limit: 2000 }), ...plugins()] });
    upstream.when({ key: "k1" }, cut(stream([...begun, big, hold], { noDone: true }), Infinity, "destroy"));
    const events = [];
    for await (const event of readEvents(await proxy.chat(asked))) {
      events.push(event);
      hold.open();
    }
    expect(textOfEvents(events)).toBe(`Hello${"b".repeat(3000)}`);
    expect(events.at(-1)?.json).toHaveProperty("error");
    expect(upstream.requests).toHaveLength(1);
  });
});

it("B5 a client hears that an answer lives which is held", async () => {
  const { proxy, clock } = await virtualBench(scripted(stream([...begun, pause(40_000), ...whole.slice(3)])), {
    plugins: [wholeAnswer()],
  });
  const reading = proxy.chat(asked).then(readToEnd);
  await clock.advance(40_000);
  expect((await reading).text).toBe(": keep-alive\n\n".repeat(2) + bytesOf(whole));
});

it("with every candidate failing the client gets one plain error with its status", async () => {
  const { proxy, upstream } = await bench({ plugins: [wholeAnswer()] });
  upstream.always(stream(begun, { noDone: true }));
  const response = await proxy.chat(asked);
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { code: "upstream_error" } });
});

it("C1 a client that leaves while its answer is held ends the call, and it is tried no more", async () => {
  const { proxy, upstream } = await bench({ listen: true, plugins: [wholeAnswer(), cooldown()] });
  upstream.always(stream([...begun, gate()]));
  const leaving = new AbortController();
  const asking = proxy.chat(asked, { signal: leaving.signal });
  await upstream.received(1);
  leaving.abort();
  await expect(asking).rejects.toThrow("abort");
  expect(await upstream.requests[0]!.closed).toBe("client");
  const { outcome } = await proxy.recorded(1);
  expect(outcome).toMatchObject({ end: "client-aborted", status: 499, bytes: 0 });
  expect(upstream.requests).toHaveLength(1);
});

describe("who is held", () => {
  const heldWith = async (
    plugins: Parameters<typeof bench>[0],
    headers: { [name: string]: string },
  ): Promise<boolean> => {
    const { proxy, upstream } = await bench(plugins);
    upstream.when({ key: "k1" }, stream(begun, { noDone: true }));
    upstream.when({ key: "k2" }, answer());
    return !(await (await proxy.chat(asked, { headers })).text()).includes("error");
  };
  it("the header asks for it without the plugin, and declines it with the plugin", async () => {
    expect(await heldWith({}, { "x-waygate-whole-answer": "on" })).toBe(true);
    expect(await heldWith({}, {})).toBe(false);
    expect(await heldWith({ plugins: [wholeAnswer()] }, { "x-waygate-whole-answer": "off" })).toBe(false);
  });

  it("models that are not named are held only where the header asks", async () => {
    const plugins = [wholeAnswer({ models: ["other/*"] })];
    expect(await heldWith({ plugins }, {})).toBe(false);
    expect(await heldWith({ plugins }, { "x-waygate-whole-answer": "on" })).toBe(true);
    expect(await heldWith({ plugins: [wholeAnswer({ models: ["lab/*"] })] }, {})).toBe(true);
  });

  it("the header goes to no upstream", async () => {
    const { proxy, upstream } = await bench();
    await (await proxy.chat(asked, { headers: { "x-waygate-whole-answer": "on" } })).text();
    expect(Object.keys(upstream.requests[0]!.headers).filter((name) => name.startsWith("x-waygate"))).toEqual([]);
  });
});

it("event hooks see nothing of an answer that was given up", async () => {
  const seen: StreamEvent[] = [];
  const looks = definePlugin({
    name: "looks",
    hooks: {
      event(event) {
        seen.push(event);
        return event;
      },
    },
  });
  const { proxy, upstream } = await bench({ plugins: [wholeAnswer(), looks, carry()] });
  upstream.when({ key: "k1" }, stream(begun, { noDone: true }));
  upstream.when({ key: "k2" }, stream(whole));
  await (await proxy.chat(asked)).text();
  const said = seen.flatMap((event) => (event.type === "text-delta" ? [event.delta] : []));
  expect(said.join("")).toBe("Hello world");
  expect(seen.filter(({ type }) => type === "start")).toHaveLength(1);
});

it("a limit that holds nothing is refused at start", () => {
  expect(() => wholeAnswer({ limit: 0 }).setup?.(undefined as never)).toThrow(/limit is 0/);
});
