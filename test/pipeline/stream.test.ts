import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { chunk, type Piece } from "waygate/testing";
import { pieces, readToEnd, virtualBench } from "../rules/_streams.ts";

const folder = new URL("../fixtures/openai-chat/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith(".sse") && !name.includes(".broken."))
  .map((name) => [name, readFileSync(new URL(name, folder))] as const);

/** Without the line ends behind the terminator: some fixtures lack them, and a cut inside CR LF may drop the last. */
const trimmed = (bytes: Buffer): string => bytes.toString().trimEnd();

const asked = { model: "lab/m", stream: true, stream_options: { include_usage: true } };
const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;

/** What a parse and a print would change: big integers, forms of numbers, spacing, escapes, order, unknown fields. */
const odd = Buffer.from(
  `: first comment\r\n\r\nid:7\nevent: message\ndata:{ "choices" : [ {"delta":{"content":"a\\u0062\\/","own":{"10":1,"2":[]}},"index":0} ],` +
    `"big":12345678901234567890,"one":1.0,"e":1E5 }\n\nretry: 5\n: comment\ndata: {"choices":[{"index":0,\ndata:  "delta":{},"finish_reason":"stop"}],"a":1,"a":2}\n\n` +
    `data:   {"usage":{"prompt_tokens":9007199254740993,"completion_tokens":1},"choices":[]}\r\n\r\ndata:[DONE]\n\n`,
);

async function through(parts: readonly (string | Piece)[]): Promise<{ body: Buffer; path: string }> {
  const { proxy } = await virtualBench(pieces(parts));
  const response = await proxy.chat(asked);
  expect(response.status).toBe(200);
  const body = Buffer.from(await response.arrayBuffer());
  const { outcome } = await proxy.recorded(1);
  expect(outcome).toMatchObject({ end: "complete", bytes: body.length });
  return { body, path: outcome.path };
}

describe("the byte path", () => {
  it.each([...fixtures, ["odd", odd] as const])("gives %s byte for byte, however it is cut", async (_name, bytes) => {
    expect(fixtures.length).toBeGreaterThan(5);
    for (const size of [bytes.length, 1, 7, 61, 200]) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const { body, path } = await through(parts);
      expect(trimmed(body)).toBe(trimmed(bytes));
      expect(body.toString()).toMatch(/(?:\n|\r)(?:\r|\n)+$/);
      expect(path).toBe("bytes");
    }
  });

  it("passes a piece of many events on as one piece", async () => {
    const piece = Array.from({ length: 50 }, (_, at) => data(chunk({ content: `${at} ` }))).join("");
    const end = data(chunk({}, { finish: "stop" })) + "data: [DONE]\n\n";
    const { proxy } = await virtualBench(pieces([piece, piece, end]));
    const response = await proxy.chat(asked);
    const sizes: number[] = [];
    for await (const part of response.body!) sizes.push(part.byteLength);
    expect(sizes.slice(-2)).toEqual([piece.length, end.length]);
  });

  it("takes only the usage chunk out of a piece when the client did not ask", async () => {
    const before = data(chunk({ content: "a" })) + data(chunk({}, { finish: "stop" }));
    const usage = data({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const { proxy } = await virtualBench(pieces([`${before}${usage}data: [DONE]\n\n`]));
    const { text } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect(text).toBe(`${before}data: [DONE]\n\n`);
  });
});

describe("commit", () => {
  it("waits for content and then gives everything held back, in order", async () => {
    const role = data(chunk({ role: "assistant", content: "" }));
    const content = data(chunk({ content: "a" }));
    const { proxy, clock } = await virtualBench(
      pieces([
        ": one\n\n",
        role,
        { kind: "pause", ms: 1000 },
        `: two\n\n${content}`,
        { kind: "pause", ms: 1000 },
        "data: [DONE]\n\n",
      ]),
    );
    let answered = false;
    const sent = proxy.chat(asked).then((response) => {
      answered = true;
      return response;
    });
    await clock.advance(999);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(answered).toBe(true);
    const reading = (await sent).text();
    await clock.run();
    expect(await reading).toBe(`: one\n\n${role}: two\n\n${content}data: [DONE]\n\n`);
    const { outcome } = await proxy.recorded(1);
    expect(outcome.firstByteAt! - outcome.startedAt).toBe(1000);
  });

  it("comes anyway once an upstream has sent 256 KB without content", async () => {
    const padding = `: ${"p".repeat(60_000)}\n\n`;
    const { proxy } = await virtualBench(pieces([padding, padding, padding, padding, padding, padding], "hang"));
    const response = await proxy.chat(asked);
    expect(response.status).toBe(200);
    await response.body!.cancel();
    expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
  });

  it("is the same for an answer that comes in one piece", async () => {
    const whole = data(chunk({ content: "a" })) + data(chunk({}, { finish: "stop" })) + "data: [DONE]\n\n";
    const { body } = await through([whole]);
    expect(body.toString()).toBe(whole);
  });
});

it("a reader that is slower than the upstream gets everything, in order", async () => {
  const parts = Array.from({ length: 40 }, (_, at) => data(chunk({ content: `${at}:${"x".repeat(20_000)} ` })));
  const end = "data: [DONE]\n\n";
  const { proxy } = await virtualBench(pieces([...parts, end]));
  const response = await proxy.chat(asked);
  const chunks: Uint8Array[] = [];
  for await (const part of response.body!) {
    chunks.push(part);
    for (let turns = 0; turns < 5; turns++) await turn();
  }
  expect(Buffer.concat(chunks).toString() === parts.join("") + end).toBe(true);
  expect((await proxy.recorded(1)).outcome.end).toBe("complete");
});
