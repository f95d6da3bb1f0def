/** Rules B1 and B2: streams that break off, before and after the first content. */
import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import {
  allEvents,
  answer,
  chunk,
  cut,
  drop,
  errorInside,
  gate,
  hangAfterHeaders,
  pause,
  type Step,
  stream,
  textOfEvents,
  virtualClock,
} from "waygate/testing";
import { bench, pieces, readToEnd, virtualBench, watcher, ways } from "./_streams.ts";

const role = chunk({ role: "assistant", content: "" });
const begun = [role, chunk({ content: "Hel" }), chunk({ content: "lo" })];

/** Ways to lose a stream in the middle. */
const cuts: readonly [string, Step][] = [
  ["a closed connection", cut(stream(begun, { noDone: true }), Infinity, "destroy")],
  ["a reset connection", cut(stream([...begun, pause(1)], { noDone: true }), Infinity, "reset")],
  ["an end without a finish", stream(begun, { noDone: true })],
  ["a connection closed inside an event", cut(stream([...begun, chunk({ content: "never" })]), "json", "destroy")],
  ["an end inside an event", cut(stream([...begun, chunk({ content: "never" })]), "json", "complete")],
  ["an end inside a character", cut(stream([...begun, chunk({ content: "é" })]), "code-point", "complete")],
  ["an error event", stream([...begun, { error: { message: "the worker died", code: 500 } }], { noDone: true })],
  ["a page", stream([...begun, "<html><body>502</body></html>"], { noDone: true })],
];

describe.each(ways)("on the path of %s", (_way, plugins) => {
  it.each(cuts)("B1 %s after content is an error event behind valid events (report 3)", async (_name, step) => {
    const watch = watcher();
    const { proxy, upstream } = await bench({ listen: true, plugins: [...plugins(), watch.plugin] });
    upstream.reply(step);
    const response = await proxy.chat({ model: "lab/m", stream: true });
    expect(response.status).toBe(200);

    const events = await allEvents(response);
    expect(textOfEvents(events)).toBe("Hello");
    const last = events.at(-1)!;
    expect(last.json).toMatchObject({ error: { code: "upstream_error", type: "server_error" } });
    for (const event of events.slice(0, -1)) {
      expect(event.json).toHaveProperty("choices");
      expect(event.json).not.toHaveProperty("error");
    }

    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "upstream-failed", status: 200 });
    expect(outcome.error).toBe(outcome.answeredBy?.error);
    expect(ctx.attempts).toHaveLength(1);
    expect(watch.told).toMatchObject([{ committed: true, error: outcome.error }]);
    expect(upstream.requests).toHaveLength(1);
  });

  it("B1 the bytes before a cut are the events that were whole", async () => {
    const { proxy } = await virtualBench(
      pieces([`data: ${JSON.stringify(chunk({ content: "a" }))}\n\ndata: {"choices":[{"ind`], "destroy"),
      { plugins: plugins() },
    );
    const { text, broke } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect(broke).toBeUndefined();
    expect(text).toMatch(/\n\n$/);
    expect(text).not.toContain('{"ind\n');
    for (const frame of text.trimEnd().split("\n\n")) JSON.parse(frame.replace(/^data: /, ""));
  });
});

it("B1 a cut in the middle of a stream counts for the key's rest", async () => {
  const { proxy, upstream } = await bench({ plugins: [cooldown()] });
  upstream.when({ key: "k1" }, cut(stream(begun, { noDone: true }), Infinity, "destroy"));
  for (let request = 0; request < 2; request++) {
    await (await proxy.chat({ model: "lab/m", stream: true })).text();
    await proxy.recorded(request + 1);
  }
  expect(upstream.requests.map((request) => request.key)).toEqual(["k1", "k1"]);
  const third = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
  expect(upstream.requests.at(-1)?.key).toBe("k2");
  expect(third.at(-1)?.data).toBe("[DONE]");
});

it("B1 a whole answer that breaks off is asked for elsewhere and never shown", async () => {
  for (const how of ["destroy", "reset", "complete"] as const) {
    const { proxy, upstream } = await bench({ listen: true });
    upstream.reply(cut(answer({ text: "half an answer" }), "json", how), answer({ text: "whole" }));
    const response = await proxy.chat({ model: "lab/m" });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "whole" } }] });
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome.end).toBe("complete");
    expect(ctx.attempts.map((attempt) => attempt.error?.kind)).toEqual([
      how === "complete" ? "upstream" : "network",
      undefined,
    ]);
  }
});

/** Ways to fail before the first content. */
const early: readonly [string, Step][] = [
  ["no answer at all", drop()],
  ["a stream without an event", stream([], { noDone: true })],
  ["a role and a cut", cut(stream([role], { noDone: true }), Infinity, "destroy")],
  ["a role and a reset", cut(stream([role, pause(1)], { noDone: true }), Infinity, "reset")],
  ["a role and an end", stream([role], { noDone: true })],
  ["a role and an error", stream([role, { error: { message: "overloaded" } }], { noDone: true })],
  ["an error alone", errorInside({ message: "overloaded", code: "server_error" })],
  ["comments and a cut", cut(stream([role], { comments: true, noDone: true }), Infinity, "destroy")],
  ["half an event", cut(stream([role, chunk({ content: "x" })], { noDone: true }), "json", "destroy")],
];

describe.each(ways)("on the path of %s", (_way, plugins) => {
  it.each(early)("B2 %s is followed by the next key and not seen by the client (report 3)", async (_name, step) => {
    const watch = watcher();
    const { proxy, upstream } = await bench({ listen: true, plugins: [...plugins(), watch.plugin] });
    upstream.when({ key: "k1" }, step);
    upstream.always(answer({ text: "from the second key" }));

    const response = await proxy.chat({ model: "lab/m", stream: true });
    const events = await allEvents(response);
    expect(textOfEvents(events)).toBe("from the second key");
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(events.filter((event) => event.json?.["error"])).toEqual([]);
    const roles = events.filter((event) => JSON.stringify(event.json ?? {}).includes('"role":"assistant"'));
    expect(roles).toHaveLength(1);

    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome.end).toBe("complete");
    expect(ctx.attempts.at(-1)?.credential.id).not.toBe(ctx.attempts[0]?.credential.id);
    expect(watch.told.every((told) => !told.committed)).toBe(true);
    expect(watch.told.length).toBe(ctx.attempts.length - 1);
    expect(watch.cleaned).toEqual(ctx.attempts.map((attempt) => attempt.index));
  });

  it.each([
    ["after the headers", hangAfterHeaders(stream([]))],
    ["after the role", stream([role, gate()], { noDone: true })],
  ] as const)("B2 a first token that is late %s is waited for elsewhere", async (_name, step) => {
    const clock = virtualClock();
    const { proxy, upstream } = await bench({ listen: true, runtime: { clock }, plugins: plugins() });
    upstream.when({ key: "k1" }, step);
    upstream.always(answer({ text: "quick" }));
    const sent = proxy.chat({ model: "lab/m", stream: true });
    await upstream.received(1);
    await clock.advance(180_000);
    const events = await allEvents(await sent);
    expect(textOfEvents(events)).toBe("quick");
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map((attempt) => attempt.error?.kind)).toEqual(["timeout", undefined]);
    expect(await upstream.requests[0]!.closed).toBe("client");
  });
});

it("B2 with every key failing before content the client gets one plain error", async () => {
  const { proxy, upstream } = await bench({ listen: true });
  upstream.always(stream([role], { noDone: true }));
  const response = await proxy.chat({ model: "lab/m", stream: true });
  expect(response.status).toBe(502);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(await response.json()).toMatchObject({ error: { code: "upstream_error" } });
  const { outcome, ctx } = await proxy.recorded(1);
  expect(outcome.end).toBe("upstream-failed");
  expect(ctx.attempts).toHaveLength(2);
});
