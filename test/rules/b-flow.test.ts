/** Rules B12, B13, B14 and B17: order, state and pace of streams, and answers in another form than asked for. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import {
  allEvents,
  answer,
  bigFrame,
  chunk,
  createTestProxy,
  forever,
  gate,
  readEvents,
  type ReadEvent,
  scripted,
  stream,
  textOfEvents,
} from "waygate/testing";
import { bench, closing, readToEnd, virtualBench, watcher, ways } from "./_streams.ts";

interface CallDelta {
  readonly index: number;
  readonly id?: string;
  readonly function?: { readonly name?: string; readonly arguments?: string };
}

function callsOf(event: ReadEvent): readonly CallDelta[] {
  const choices = event.json?.["choices"] as readonly { delta?: { tool_calls?: readonly CallDelta[] } }[] | undefined;
  return choices?.flatMap((choice) => choice.delta?.tool_calls ?? []) ?? [];
}

const call = (index: number, fields: object): object => chunk({ tool_calls: [{ index, ...fields }] });
const part = (index: number, text: string): object => call(index, { function: { arguments: text } });
const opening = (index: number, id: string, name: string): object =>
  call(index, { id, type: "function", function: { name, arguments: "" } });

describe.each(ways)("on the path of %s", (_way, plugins) => {
  it("B12 fragments of tool arguments arrive one by one, each before the next is sent", async () => {
    const fragments = ['{"city"', ': "Par', "is", '", "days"', ": 3}"];
    const gates = fragments.map(() => gate());
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(
      stream([
        opening(0, "call_a", "weather"),
        ...fragments.flatMap((text, at) => [part(0, text), gates[at]!]),
        chunk({}, { finish: "tool_calls" }),
      ]),
    );
    const events = readEvents(await proxy.chat({ model: "lab/m", stream: true }));
    const got: string[] = [];
    let shut = 0;
    for await (const event of events) {
      for (const delta of callsOf(event)) {
        const text = delta.function?.arguments;
        if (!text) continue;
        got.push(text);
        // Nothing but this fragment can have been sent: the upstream stands at its gate.
        expect(got).toHaveLength(shut + 1);
        gates[shut++]!.open();
      }
    }
    expect(got).toEqual(fragments);
    expect((await proxy.recorded(1)).outcome.finish).toBe("tool-calls");
  });

  it("B12 fragments of two calls at once keep their order and their call", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(
      stream(
        [
          opening(0, "call_a", "one"),
          part(0, '{"a":'),
          opening(1, "call_b", "two"),
          part(1, '{"b":'),
          part(0, "1}"),
          part(1, "2}"),
          chunk({}, { finish: "tool_calls" }),
        ],
        { chunk: "whole" },
      ),
    );
    const deltas = (await allEvents(await proxy.chat({ model: "lab/m", stream: true }))).flatMap(callsOf);
    expect(deltas.map((delta) => [delta.index, delta.id ?? delta.function?.arguments])).toEqual([
      [0, "call_a"],
      [0, '{"a":'],
      [1, "call_b"],
      [1, '{"b":'],
      [0, "1}"],
      [1, "2}"],
    ]);
  });

  it("B13 streams that interleave do not mix", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    const names = ["red", "blue", "green"] as const;
    const steps = 6;
    const gates = new Map(names.map((name) => [name, Array.from({ length: steps }, () => gate())]));
    for (const name of names) {
      upstream.when(
        (request) => request.body.includes(name),
        stream([
          chunk({ role: "assistant", content: `${name}:` }),
          opening(0, `call_${name}`, name),
          ...gates
            .get(name)!
            .flatMap((each, at) => [each, at % 2 ? part(0, `${name}${at} `) : chunk({ content: `${name}${at} ` })]),
          chunk({}, { finish: "tool_calls" }),
        ]),
      );
    }
    const reading = names.map(async (name) => {
      const response = await proxy.chat({ model: "lab/m", stream: true, messages: [{ role: "user", content: name }] });
      return allEvents(response);
    });
    for (let at = 0; at < steps; at++) {
      for (const name of at % 2 ? names : names.toReversed()) {
        const each = gates.get(name)![at]!;
        await each.reached;
        each.open();
        await turn();
      }
    }
    for (const [index, name] of names.entries()) {
      const events = await reading[index]!;
      expect(textOfEvents(events)).toBe(`${name}:${name}0 ${name}2 ${name}4 `);
      const calls = events.flatMap(callsOf);
      expect(calls[0]).toMatchObject({ id: `call_${name}`, index: 0, function: { name } });
      expect(calls.map((delta) => delta.function?.arguments ?? "").join("")).toBe(`${name}1 ${name}3 ${name}5 `);
    }
  });

  it("B14 a client that does not read stops the upstream after what fits two windows", async () => {
    const frame = `data: ${JSON.stringify(chunk({ content: "z".repeat(1000) }))}\n\n`;
    let pulled = 0;
    const { proxy } = await virtualBench(
      () => {
        const source = new ReadableStream<Uint8Array<ArrayBuffer>>(
          {
            pull(controller) {
              pulled += frame.length;
              controller.enqueue(new TextEncoder().encode(frame));
            },
          },
          { highWaterMark: 0 },
        );
        return new Response(source, { headers: { "content-type": "text/event-stream" } });
      },
      { plugins: plugins() },
    );
    const response = await proxy.chat({ model: "lab/m", stream: true });
    for (let turns = 0; turns < 300; turns++) await turn();
    const standing = pulled;
    expect(standing).toBeLessThan(2 * 65_536);
    for (let turns = 0; turns < 100; turns++) await turn();
    expect(pulled).toBe(standing);

    const reader = response.body!.getReader();
    for (let read = 0; read < 65_536 * 2; read += (await reader.read()).value!.byteLength);
    for (let turns = 0; turns < 300; turns++) await turn();
    expect(pulled).toBeGreaterThan(standing);
    expect(pulled).toBeLessThan(standing + 3 * 65_536);
    await reader.cancel();
  });

  it("B14 an event without an end is given up at the limit, before content and after it", async () => {
    const endless = forever("b".repeat(100_000));
    for (const before of [[], [chunk({ content: "a" })]]) {
      const watch = watcher();
      const { proxy } = await virtualBench(
        scripted(stream([...before, Buffer.from("data: "), endless], { noDone: true })),
        {
          plugins: [...plugins(), watch.plugin],
          lab: { keys: ["k1"] },
        },
      );
      const response = await proxy.chat({ model: "lab/m", stream: true });
      const { text } = await readToEnd(response);
      expect(response.status).toBe(before.length > 0 ? 200 : 502);
      expect(text.length).toBeLessThan(10_000);
      expect(text).toContain("16777216 bytes");
      expect(watch.told).toMatchObject([{ error: { kind: "upstream" }, committed: before.length > 0 }]);
    }
  });

  it("B14 a big event below the limit comes through", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(stream([bigFrame(3_000_000), chunk({}, { finish: "stop" })], { chunk: 50_000 }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toHaveLength(3_000_000);
  });

  it.each([
    ["bytes of a word", { text: "plain words", reasoning: "thinking" }],
    ["a tool call", { tools: [{ name: "weather", arguments: { city: "Paris" } }], text: "Let me see." }],
  ] as const)("B17 JSON for a client that asked for a stream becomes one: %s", async (_name, init) => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(answer({ ...init, as: "json" }));
    const response = await proxy.chat({ model: "lab/m", stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = await allEvents(response);
    expect(textOfEvents(events)).toBe(init.text);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(events.at(-2)?.json).toMatchObject({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } });
    if ("tools" in init) {
      expect(
        JSON.parse(
          events
            .flatMap(callsOf)
            .map((delta) => delta.function?.arguments ?? "")
            .join(""),
        ),
      ).toEqual({ city: "Paris" });
    }
    expect((await proxy.recorded(1)).outcome).toMatchObject({
      end: "complete",
      finish: "tools" in init ? "tool-calls" : "stop",
      usage: { input: 9, output: 3 },
    });
  });

  it.each([
    ["a word", { text: "plain words", reasoning: "thinking", usageIn: "choices" }],
    [
      "a tool call",
      { tools: [{ name: "weather", arguments: { city: "Paris" } }], text: "Let me see.", usageIn: "choices" },
    ],
  ] as const)("B17 a stream for a client that asked for a whole answer becomes one: %s", async (_name, init) => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(answer({ ...init, as: "sse" }, { comments: true, chunk: 7 }));
    const response = await proxy.chat({ model: "lab/m" });
    expect(response.headers.get("content-type")).toContain("application/json");
    const json = (await response.json()) as { choices: { message: object; finish_reason: string }[] };
    expect(json).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: init.text } }],
      usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
    });
    if ("tools" in init) {
      expect(json.choices[0]).toMatchObject({
        finish_reason: "tool_calls",
        message: { tool_calls: [{ id: "call_0", function: { name: "weather", arguments: '{"city":"Paris"}' } }] },
      });
    }
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", usage: { input: 9, output: 3 } });
    expect(outcome.bytes).toBe(Buffer.byteLength(JSON.stringify(json)));
  });

  it("B17 an error inside either form is one, whatever was asked for", async () => {
    for (const as of ["json", "sse"] as const) {
      for (const asked of [true, false]) {
        const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
        upstream.reply(answer({ as, error: { message: "broken", code: "server_error" } }), answer({ text: "sane" }));
        const response = await proxy.chat({ model: "lab/m", stream: asked });
        expect(response.status).toBe(200);
        expect(await response.text()).toContain("sane");
        expect((await proxy.recorded(1)).ctx.attempts).toHaveLength(2);
      }
    }
  });
});

describe("B17 a stream that breaks while it is folded", () => {
  it("B17 half of it is never shown: the next key is asked", async () => {
    const { proxy, upstream } = await bench({ listen: true });
    upstream.reply(stream([chunk({ content: "half" })], { noDone: true }), answer({ text: "whole" }));
    const response = await proxy.chat({ model: "lab/m" });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "whole" } }] });
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts[0]).toMatchObject({ committed: false, error: { kind: "upstream" } });
  });
});

describe("B14 over real sockets", () => {
  it("B14 an upstream stops writing for a client that does not read, and memory stays flat", async () => {
    const frame = Buffer.from(`data: ${JSON.stringify(chunk({ content: "q".repeat(60_000) }))}\n\n`);
    const source = await pouring(frame);
    const proxy = closing(
      await createTestProxy({
        listen: true,
        plugins: [openaiCompatible({ name: "lab", baseURL: source.url, keys: ["k"], models: ["m"] })],
      }),
    );
    const body = JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] });
    const socket = connect({ port: Number(new URL(proxy.url).port), host: "127.0.0.1" });
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const before = process.memoryUsage();
    const standing = await source.still();
    const after = process.memoryUsage();
    // What the two sockets' kernel buffers take is most of it; an unbounded queue would take all there is.
    expect(standing).toBeLessThan(40_000_000);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(30_000_000);

    socket.resume();
    const moved = Promise.withResolvers<void>();
    let read = 0;
    socket.on("data", (data) => {
      read += data.length;
      if (read > 2 * standing) moved.resolve();
    });
    await moved.promise;
    expect(source.written()).toBeGreaterThan(standing);
    socket.destroy();
    await source.left;
    expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
  });
});

interface Pouring {
  readonly url: string;
  written(): number;
  /** The bytes written once no more can be. */
  still(): Promise<number>;
  readonly left: Promise<void>;
}

/** An upstream that writes as much as it is let. */
async function pouring(frame: Buffer): Promise<Pouring> {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  let written = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.on("close", leave);
    const pour = (): void => {
      while (!response.destroyed) {
        written += frame.length;
        if (response.write(frame)) continue;
        response.once("drain", pour);
        return;
      }
    };
    pour();
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    written: () => written,
    left,
    async still() {
      for (let last = -1; last !== written || written === 0;) {
        last = written;
        await sleep(150);
      }
      return written;
    },
  };
}
