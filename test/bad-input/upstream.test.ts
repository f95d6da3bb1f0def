/** Upstreams that answer what is no answer, or an answer in a form nobody expects: every protocol, whole and streamed. */
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  answer,
  encoded,
  forever,
  html,
  manyHeaders,
  raw,
  scripted,
  split,
  status,
  type Step,
  withHeaders,
} from "waygate/testing";
import { type Answered, mixed, type Mixed, type MixedOptions } from "../pipeline/_mixed.ts";
import { virtualBench } from "../rules/_streams.ts";
import { wires } from "../sdk/_upstreams.ts";
import { bench, good } from "./_bench.ts";
import type { ProtocolId, Turn } from "../sdk/wire/types.ts";

const protocols = ["openai-chat", "openai-responses", "anthropic", "gemini"] as const;
const forms = protocols.flatMap((protocol) => [false, true].map((stream) => [protocol, stream] as const));
const mebibyte = 1024 * 1024;
const usual = scripted(answer());

/** How a client of each protocol asks `up/m`. */
function request(protocol: ProtocolId, stream: boolean): readonly [path: string, body: object] {
  const ask = "hi";
  switch (protocol) {
    case "openai-responses":
      return ["/v1/responses", { model: "up/m", input: ask, stream, store: false }];
    case "anthropic":
      return ["/v1/messages", { model: "up/m", max_tokens: 99, messages: [{ role: "user", content: ask }], stream }];
    case "gemini":
      return [
        `/v1beta/models/up/m:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
        { contents: [{ role: "user", parts: [{ text: ask }] }] },
      ];
    default:
      return ["/v1/chat/completions", { model: "up/m", messages: [{ role: "user", content: ask }], stream }];
  }
}

/** Two keys of one upstream; the first call goes wrong as told, every later one is answered. */
async function twoKeys(protocol: ProtocolId, bad: Step, options: MixedOptions = {}): Promise<Mixed> {
  const setup = await mixed({ up: protocol }, { keys: ["k1", "k2"], retry: { sameCredential: 0 }, ...options });
  setup.upstreams["up"]!.when((received) => received.index === 0, bad);
  return setup;
}

/** Asks in the upstream's own protocol and, where that is another, in OpenAI's chat. */
async function askBoth(make: () => Promise<Mixed>, protocol: ProtocolId, stream: boolean): Promise<Answered[]> {
  const clients = protocol === "openai-chat" ? ["openai-chat" as const] : [protocol, "openai-chat" as const];
  const answers: Answered[] = [];
  for (const client of clients) answers.push(await (await make()).post(...request(client, stream)));
  return answers;
}

const inside: { readonly [Id in ProtocolId]?: object } = {
  "openai-chat": { error: { message: "The engine is overloaded.", type: "server_error", code: null } },
  "openai-responses": { error: { message: "The engine is overloaded.", type: "server_error", code: null } },
  anthropic: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
  gemini: { error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } },
};

describe("is followed by the next key and not seen", () => {
  const bad: readonly (readonly [string, (protocol: ProtocolId, stream: boolean) => Step])[] = [
    ["report 33: HTML with a 200", () => html(200, "Just a moment...")],
    ["HTML with a 502", () => html(502, "Bad Gateway")],
    ["HTML that says it is JSON", () => withHeaders(html(200), { "content-type": "application/json" })],
    ["HTML that says it is a stream", () => withHeaders(html(200), { "content-type": "text/event-stream" })],
    ["report 33: an error inside a 200", (protocol) => status(200, inside[protocol]!)],
    ["an empty 200", () => status(200, "", { "content-type": "application/json" })],
    ["an empty 200 without a type", () => status(200)],
    ["an empty stream", () => status(200, "", { "content-type": "text/event-stream" })],
    ["an empty object", () => status(200, {})],
    ["null", () => status(200, "null", { "content-type": "application/json" })],
    ["headers without end", () => withHeaders(answer(), manyHeaders(5000))],
    ["a header line without end", () => raw(["HTTP/1.1 200 OK\r\nx-long: ", forever("a".repeat(65_536))])],
    ["no HTTP", () => raw(["SSH-2.0-OpenSSH_9.6\r\n"])],
    ["an event without end", () => endless(forever("x".repeat(mebibyte)))],
    ["an error page without end", () => endless(forever("<p>".repeat(20_000)), 500)],
  ];
  for (const [name, make] of bad) {
    it.each(forms)(`${name}: %s, streamed: %s`, async (protocol, stream) => {
      const answers = await askBoth(() => twoKeys(protocol, make(protocol, stream)), protocol, stream);
      for (const reply of answers) {
        expect(reply.status).toBe(200);
        expect(reply.headers.get("x-waygate-attempts")).toBe("2");
        expect(reply.text).toMatch(/hello[^]*there/);
      }
    });
  }
});

/** An answer of which no event or page ever ends. */
function endless(piece: ReturnType<typeof forever>, code = 200): Step {
  const head = `HTTP/1.1 ${code} Whatever\r\ncontent-type: ${code === 200 ? "text/event-stream" : "text/html"}\r\n\r\n`;
  return raw([head, ...(code === 200 ? ["data: "] : []), piece]);
}

describe("is named when every key answers so, with none of it in the answer", () => {
  it.each([
    ["HTML", html(200, "canary-page"), 502],
    ["an empty 200", status(200), 502],
    ["HTML with a 503", html(503, "canary-page"), 503],
  ])("%s", async (_, step, code) => {
    for (const [protocol, stream] of forms) {
      const setup = await mixed({ up: protocol }, { keys: ["k1"], retry: { sameCredential: 0 } });
      setup.upstreams["up"]!.when(() => true, step);
      const reply = await setup.post(...request(protocol, stream));
      expect([protocol, stream, reply.status]).toEqual([protocol, stream, code]);
      expect(reply.text).not.toContain("<html");
      expect(reply.json["error"]).toMatchObject({ message: expect.any(String) as string });
    }
  });
});

describe("goes through as it is", () => {
  const shapes: readonly (readonly [string, Turn, (step: Step) => Step])[] = [
    ["in chunks of one byte", { text: "hello there, gr\u00fc\u00df dich \u{1f600}" }, (step) => split(step, 1)],
    ["compressed with gzip", { text: "hello there" }, (step) => encoded(step, "gzip")],
    ["compressed with gzip, in chunks of one byte", { text: "hello there" }, (step) => encoded(split(step, 1), "gzip")],
    ["with an event of 2 MB", { text: `hello there ${"x".repeat(2 * mebibyte)}` }, (step) => step],
  ];
  for (const [name, said, change] of shapes) {
    it.each(forms)(`B7 ${name}: %s, streamed: %s`, async (protocol, stream) => {
      const make = (): Promise<Mixed> =>
        twoKeys(protocol, change(wires[protocol].says(said)), { turn: { text: "never" } });
      for (const reply of await askBoth(make, protocol, stream)) {
        expect(reply.status).toBe(200);
        expect(reply.headers.get("x-waygate-attempts")).toBe("1");
        expect(reply.headers.get("content-encoding")).toBeNull();
        for (const word of said.text!.split(" ")) expect(reply.text.includes(word)).toBe(true);
      }
    });
  }
});

it.each([
  ["JSON", "application/json"],
  ["a page", "text/html"],
])("a whole answer without end, %s, is given up and closed, and the next key answers", async (_name, type) => {
  const piece = new Uint8Array(mebibyte).fill(32);
  let given = 0;
  let closed = 0;
  const { proxy } = await virtualBench((wire, call) => {
    if (!wire.headers["authorization"]!.includes("k1")) return usual(wire, call);
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        given++;
        controller.enqueue(piece);
      },
      cancel: () => void closed++,
    });
    return new Response(body, { headers: { "content-type": type } });
  });
  const response = await proxy.chat({ model: "lab/m" });
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("ok")]);
  const { ctx } = await proxy.recorded(1);
  expect(ctx.attempts[0]!.error?.message).toContain("larger than 268435456 bytes");
  expect(closed).toBe(1);
  expect(given).toBeLessThan(270);
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

it("B14 answers without end leave no memory and no connection behind", async () => {
  await using proxy = await bench();
  const up = proxy.upstream;
  up.always(endless(forever("x".repeat(mebibyte))));
  const rounds = async (count: number): Promise<number> => {
    for (let round = 0; round < count; round++) {
      const response = await proxy.post(good.replace("{", '{"stream":true,'));
      expect(response.status).toBe(502);
      await response.text();
    }
    for (const each of up.requests) expect(await each.closed).not.toBe("complete");
    for (let time = 0; time < 3; time++) {
      await turn();
      collect();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = await rounds(2);
  // Sixteen megabytes are read of each.
  expect((await rounds(5)) - before).toBeLessThan(16 * mebibyte);
  expect(up.open).toBe(0);
});

it("B14 a failed attempt that somebody keeps keeps nothing of its answer", async () => {
  const piece = new Uint8Array(mebibyte).fill(120);
  const begin = Buffer.from("data: ");
  const unfinished = (end: "error" | "close" | "on") =>
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(begin),
      pull: function (this: { given?: number }, controller) {
        this.given = (this.given ?? 0) + 1;
        if (this.given < 12 || end === "on") controller.enqueue(piece);
        else if (end === "error") controller.error(new Error("lost"));
        else controller.close();
      },
    });
  const ends = ["error", "close", "on"] as const;
  let count = 0;
  const { proxy } = await virtualBench(
    () => new Response(unfinished(ends[count++ % 3]!), { headers: { "content-type": "text/event-stream" } }),
    { retry: { attempts: 1 } },
  );
  const used = async (): Promise<number> => {
    for (let time = 0; time < 3; time++) {
      await turn();
      collect();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const ask = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) {
      expect((await proxy.chat({ model: "lab/m", stream: true })).status).toBe(502);
    }
  };
  await ask(3);
  const before = await used();
  await ask(9);
  expect((await used()) - before).toBeLessThan(8 * mebibyte);
  expect(proxy.records.flatMap(({ ctx }) => ctx.attempts)).toHaveLength(12);
});
