/** Rules B6 to B9: how the network cuts a stream, and how upstreams get its framing wrong. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { allEvents, answer, chunk, comment, gate, readEvents, stream, textOfEvents } from "waygate/testing";
import { bench, pieces, readToEnd, virtualBench, ways } from "./_streams.ts";

/** Two, three and four bytes a character, a sequence joined by U+200D, and one at the very edge of three bytes. */
const text = "é東🌊👩‍🚀\uffff\u0800ß";
const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
/** Short, because every byte of it is a place to cut. */
const say = (content: string): string => data({ choices: [{ delta: { content } }] });
const finish = `${data({ choices: [{ delta: {}, finish_reason: "stop" }] })}data: [DONE]\n\n`;

describe.each(ways)("on the path of %s", (way, plugins) => {
  it("B6 characters survive a cut at every byte", async () => {
    const whole = Buffer.from(say(text) + say(`${text}!`) + finish);
    let parts: Buffer[] = [];
    const { proxy } = await virtualBench((wire, call) => pieces(parts)(wire, call), { plugins: plugins() });
    for (let at = 1; at < whole.length; at++) {
      parts = [whole.subarray(0, at), whole.subarray(at)];
      const { text: got } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
      if (way === "bytes") expect(Buffer.from(got).equals(whole)).toBe(true);
      else expect(textOfEvents(await allEvents(new Response(got)))).toBe(`${text}${text}!`);
    }
    expect(proxy.records.every(({ outcome }) => outcome.path === way)).toBe(true);
    expect(proxy.records).toHaveLength(whole.length - 1);
  });

  it("B6 characters survive byte by byte over a socket, streamed and whole", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.always(answer({ text: [text, text] }, { chunk: "byte" }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toBe(text + text);
    const response = await proxy.chat({ model: "lab/m" });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: text + text } }] });
  });

  const bodies: readonly [string, string][] = [
    ["LF", say("one") + say("two") + finish],
    ["CR LF", (say("one") + say("two") + finish).replaceAll("\n", "\r\n")],
    ["CR", (say("one") + say("two") + finish).replaceAll("\n", "\r")],
    [
      "several data lines",
      `data: {"choices":\ndata: [{"index":0,"delta":{"content":"one"}}]}\n\n` +
        `data:{"choices":[{"index":0,\ndata:"delta":{"content":"two"}}]}\n\n${finish}`,
    ],
    [
      "names, ids, comments and retry fields",
      `: hello\n\nid: 1\nevent: message\nretry: 10\n${say("one")}: ping\n${say("two")}${finish}`,
    ],
    ["a byte order mark", `\ufeff${say("one")}${say("two")}${finish}`],
    ["more blank lines than one", `\n\n${say("one")}\n\n\n${say("two")}\n${finish}`],
  ];
  it.each(bodies)("B7 events with %s are read right wherever they are cut", async (_name, body) => {
    const whole = Buffer.from(body);
    let parts: Buffer[] = [];
    const { proxy } = await virtualBench((wire, call) => pieces(parts)(wire, call), { plugins: plugins() });
    const splits = Array.from({ length: whole.length - 1 }, (_, at) => [
      whole.subarray(0, at + 1),
      whole.subarray(at + 1),
    ]);
    splits.push(Array.from(whole, (_, at) => whole.subarray(at, at + 1)));
    for (parts of splits) {
      const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
      expect(textOfEvents(events)).toBe("onetwo");
      expect(events.at(-1)?.data).toBe("[DONE]");
    }
    for (const { outcome } of proxy.records) expect(outcome).toMatchObject({ end: "complete", finish: "stop" });
  });

  it.each([
    ["an event without its blank line", finish.trimEnd()],
    ["an event with half of its blank line", finish.slice(0, -1)],
    ["a last event that is the finish", data(chunk({}, { finish: "stop" })).trimEnd()],
  ])("B7 a stream that ends with %s is complete", async (_name, ending) => {
    const { proxy } = await virtualBench(pieces([data(chunk({ content: "ok" })) + ending]), { plugins: plugins() });
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toBe("ok");
    expect(JSON.stringify(events.map((event) => event.data))).toContain('finish_reason\\":\\"stop');
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", finish: "stop" });
  });

  it("B8 a stream that finishes without [DONE] and closes ends at once", async () => {
    const { proxy, clock } = await virtualBench(
      pieces([data(chunk({ content: "ok" })) + data(chunk({}, { finish: "stop" }))]),
      { plugins: plugins() },
    );
    const before = clock.now();
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toBe("ok");
    // Clients wait for it.
    expect(events.filter((event) => event.data === "[DONE]")).toEqual([events.at(-1)]);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", endedAt: before });
  });

  it("B8 a stream that finishes and never closes ends within two seconds, comments or not", async () => {
    const comments = Array.from({ length: 100 }, () => [comment(), { kind: "pause", ms: 500 } as const]).flat();
    const { proxy, clock } = await virtualBench(
      (wire, call) =>
        pieces(
          [data(chunk({ content: "ok" })) + data(chunk({}, { finish: "stop" })), ...commentPieces(comments)],
          "hang",
        )(wire, call),
      { plugins: plugins() },
    );
    const reading = proxy.chat({ model: "lab/m", stream: true }).then((response) => allEvents(response));
    await clock.advance(2000);
    expect(textOfEvents(await reading)).toBe("ok");
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", finish: "stop" });
  });

  it("B8 usage that comes a second after the finish is waited for", async () => {
    const usage = { prompt_tokens: 4, completion_tokens: 5, total_tokens: 9 };
    const { proxy, clock } = await virtualBench(
      pieces(
        [
          data(chunk({ content: "ok" })) + data(chunk({}, { finish: "stop" })),
          { kind: "pause", ms: 1000 },
          data({ choices: [], usage }),
        ],
        "hang",
      ),
      { plugins: plugins() },
    );
    const options = { stream: true, stream_options: { include_usage: true } };
    const reading = proxy.chat({ model: "lab/m", ...options }).then((response) => allEvents(response));
    await clock.advance(5000);
    expect((await reading).some((event) => event.json?.["usage"])).toBe(true);
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject({ input: 4, output: 5 });
  });

  it("B8 a slow client loses nothing of what came after the finish", async () => {
    const big = data(chunk({ content: "b".repeat(100_000) }));
    const usage = data({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const { proxy, clock } = await virtualBench(
      pieces([big + data(chunk({}, { finish: "stop" })), usage, "data: [DONE]\n\n"]),
      { plugins: plugins() },
    );
    const response = await proxy.chat({ model: "lab/m", stream: true, stream_options: { include_usage: true } });
    await clock.advance(60_000);
    const events = await allEvents(response);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(events.at(-2)?.json).toHaveProperty("usage.prompt_tokens", 1);
  });

  it("B8 what comes after [DONE] is dropped, in the same piece and in later ones", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    const after = gate();
    upstream.reply(
      stream(
        [chunk({ content: "ok" }), chunk({}, { finish: "stop" }), "[DONE]", chunk({ content: "ghost" }), after, "more"],
        {
          noDone: true,
          tail: "garbage without an end",
          chunk: "whole",
        },
      ),
    );
    const response = await proxy.chat({ model: "lab/m", stream: true });
    const got = (await readToEnd(response)).text;
    after.open();
    expect(got).toMatch(/data: \[DONE\]\n\n$/);
    expect(got).not.toContain("ghost");
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("B8 the connection serves the next request after [DONE]", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins(), lab: { keys: ["k1"] } });
    upstream.always(answer({ text: "ok" }));
    for (let round = 0; round < 5; round++) {
      await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
      expect(await upstream.requests[round]!.closed).toBe("complete");
    }
    expect(upstream.connections).toBe(1);
  });

  it("B8 an upstream that says [DONE] and stays open keeps nobody waiting and loses its connection", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(
      stream([chunk({ content: "ok" }), chunk({}, { finish: "stop" }), "[DONE]", gate()], { noDone: true }),
    );
    const before = performance.now();
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(performance.now() - before).toBeLessThan(900);
    await proxy.recorded(1);
    expect(await upstream.requests[0]!.closed).toBe("client");
  });

  it("B8 a choice that goes on after another has finished is not cut off", async () => {
    const choice = (index: number, content: string, reason: string | null = null): string =>
      data({ choices: [{ index, delta: { content }, finish_reason: reason }] });
    const { proxy, clock } = await virtualBench(
      pieces([
        choice(0, "a") + choice(1, "b") + choice(0, "", "stop"),
        { kind: "pause", ms: 60_000 },
        choice(1, "c") + choice(1, "", "stop"),
        { kind: "pause", ms: 1000 },
        choice(2, "late"),
        { kind: "pause", ms: 60_000 },
        choice(2, "r", "stop") + "data: [DONE]\n\n",
      ]),
      { plugins: plugins() },
    );
    const reading = proxy.chat({ model: "lab/m", stream: true, n: 3 }).then((response) => readToEnd(response));
    await clock.run();
    const { text: got } = await reading;
    expect(got).toContain('"content":"c"');
    expect(got).toContain('"content":"r"');
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  const malformed: readonly [string, string][] = [
    ["JSON that is cut", 'data: {"choices":[{"ind\n\n'],
    ["no JSON", "data: hello\n\n"],
    ["JSON of other kinds", 'data: []\n\ndata: null\n\ndata: 1\n\ndata: "x"\n\n'],
    ["an empty event", "data:\n\ndata\n\n"],
    ["wrong types inside", 'data: {"choices":[null,1,{"delta":7,"index":"x"}]}\n\ndata: {"choices":{}}\n\n'],
    ["unknown fields", "nonsense\n\nfoo: bar\n\n"],
    ["bytes that are no UTF-8", "data: \u0000\u0001\n\n"],
  ];
  it.each(malformed)("B9 %s in the middle of a stream is skipped", async (_name, junk) => {
    const { proxy } = await virtualBench(
      pieces([
        data(chunk({ content: "one" })),
        Buffer.concat([Buffer.from(junk), Buffer.from([0x64, 0xff, 0xfe, 10, 10])]),
        data(chunk({ content: "two" })) + finish,
      ]),
      { plugins: plugins() },
    );
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    const texts = events.map((event) => /"content":"(one|two)"/.exec(event.data)?.[1]);
    expect(texts.filter((found) => found)).toEqual(["one", "two"]);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("B9 the process rests while a stream is stuck in a broken event, and answers others", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    const stuck = gate();
    upstream.reply(
      stream([chunk({ content: "a" }), "{broken", Buffer.from('data: {"choices":[{'), stuck], { noDone: true }),
      answer({ text: "another" }),
    );
    const events = readEvents(await proxy.chat({ model: "lab/m", stream: true }));
    await events.next();
    await stuck.reached;
    const busy = performance.eventLoopUtilization();
    await sleep(100);
    expect(performance.eventLoopUtilization(busy).utilization).toBeLessThan(0.5);
    expect(await (await proxy.chat({ model: "lab/m" })).text()).toContain("another");
    stuck.open();
    const rest = await Array.fromAsync(events);
    expect(rest.at(-1)?.json).toHaveProperty("error");
  });

  it("B9 nothing but junk is a failure and the next key answers", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(stream(["hello", "{", "[]"], { noDone: true }), answer({ text: "sane" }));
    expect(textOfEvents(await allEvents(await proxy.chat({ model: "lab/m", stream: true })))).toBe("sane");
  });
});

it("B9 a body that is JSON of another kind is a failure and the next key answers", async () => {
  for (const body of ["null", "[]", '"ok"', "12", "", "{", "<html></html>"]) {
    for (const asked of [true, false]) {
      const { proxy, upstream } = await bench({ listen: true });
      const bytes = Buffer.from(body);
      upstream.reply(
        {
          before: [],
          head: { status: 200, headers: { "content-type": "application/json" } },
          body: [bytes],
          end: "complete",
        },
        answer({ text: "sane" }),
      );
      const response = await proxy.chat({ model: "lab/m", stream: asked });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("sane");
      expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.kind).not.toBe("internal");
    }
  }
});

function commentPieces(parts: readonly (ReturnType<typeof comment> | { kind: "pause"; ms: number })[]) {
  return parts.map((part) => (part.kind === "comment" ? `: ${part.text}\n\n` : part));
}
