import OpenAI, { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { definePlugin, defineProvider, type PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { rotate } from "waygate/plugins/rotate";
import { createTestProxy, createUpstream, gate, status, type TestProxy, type Upstream } from "waygate/testing";
import { bench, closing } from "../rules/_streams.ts";
import { formOf, formType } from "./_forms.ts";

const json = { "content-type": "application/json" };
const limited = status(429, { error: { message: "slow down" } }, { "retry-after": "600" });
const ok = status(200, { ok: true });

function clientOf(proxy: TestProxy): OpenAI {
  return new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: "client", maxRetries: 0 });
}

function post(proxy: TestProxy, path: string, body: object): Promise<Response> {
  return proxy.fetch(path, { method: "POST", headers: json, body: JSON.stringify(body) });
}

function postForm(proxy: TestProxy, body: Buffer<ArrayBuffer>, path = "/v1/images/edits"): Promise<Response> {
  return proxy.fetch(path, { method: "POST", headers: { "content-type": formType }, body });
}

interface Found {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
  readonly client: OpenAI;
}

async function open(options: Parameters<typeof bench>[0] = {}): Promise<Found> {
  const { proxy, upstream } = await bench({ listen: true, retry: { sameCredential: 0 }, ...options });
  return { proxy, upstream, client: clientOf(proxy) };
}

describe("the official openai client", () => {
  it("gets a picture; fields nobody knows and large numbers pass, only the model's name changes", async () => {
    const { proxy, upstream, client } = await open();
    upstream.reply(
      status(200, { created: 1, data: [{ b64_json: "aGk=" }], usage: { input_tokens: 7, output_tokens: 9 } }),
    );
    const more: object = { seed: 1, future: [1.5] };
    const image = await client.images.generate({ model: "lab/m", prompt: "a cat", ...more });
    expect(image.data?.[0]?.b64_json).toBe("aGk=");
    expect(upstream.requests[0]).toMatchObject({
      path: "/v1/images/generations",
      key: "k1",
      json: { model: "m", prompt: "a cat", seed: 1, future: [1.5] },
      headers: { accept: "*/*", "content-type": "application/json" },
    });
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ status: 200, end: "complete", path: "bytes", usage: { input: 7, output: 9 } });
    expect(ctx.operation).toBe("forward");
  });

  it("edits a picture with files and fields before and behind the model's name", async () => {
    const { upstream, client } = await open();
    upstream.reply(status(200, { created: 1, data: [] }));
    const image = await toFile(Buffer.from("PNG\r\n--1"), "a.png", { type: "image/png" });
    await client.images.edit({ image, model: "lab/m", prompt: "m" });
    const [request] = upstream.requests;
    const boundary = /boundary=(.*)$/.exec(request!.headers["content-type"]!)![1]!;
    expect(request!.path).toBe("/v1/images/edits");
    expect(Number(request!.headers["content-length"])).toBe(Buffer.byteLength(request!.body));
    expect(fieldsOf(request!.body, boundary)).toEqual([
      'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--1',
      'Content-Disposition: form-data; name="model"\r\n\r\nm',
      'Content-Disposition: form-data; name="prompt"\r\n\r\nm',
    ]);
  });

  it("gets a transcription, as JSON, as text and as events", async () => {
    const { proxy, upstream, client } = await open();
    upstream.reply(
      status(200, { text: "hello", usage: { type: "tokens", input_tokens: 3, output_tokens: 1, total_tokens: 4 } }),
      status(200, "hello\n", { "content-type": "text/plain; charset=utf-8" }),
      status(200, 'data: {"type":"transcript.text.done","text":"hello"}\n\n', { "content-type": "text/event-stream" }),
    );
    const file = (): Promise<File> => toFile(Buffer.from("RIFF"), "a.wav");
    const asJson = await client.audio.transcriptions.create({ file: await file(), model: "lab/m" });
    expect(asJson.text).toBe("hello");
    const asText = await client.audio.transcriptions.create({
      file: await file(),
      model: "lab/m",
      response_format: "text",
    });
    expect(asText).toBe("hello\n");
    const events = await client.audio.transcriptions.create({ file: await file(), model: "lab/m", stream: true });
    const seen = [];
    for await (const event of events) seen.push(event.type);
    expect(seen).toEqual(["transcript.text.done"]);
    expect((await proxy.recorded(3)).outcome).toMatchObject({ end: "complete", path: "bytes" });
    expect(proxy.records[0]!.outcome.usage).toMatchObject({ input: 3, output: 1 });
  });

  it("hears speech before the upstream has finished it", async () => {
    const { proxy, upstream, client } = await open();
    const rest = gate();
    upstream.reply({
      before: [],
      head: { status: 200, headers: { "content-type": "audio/mpeg" } },
      body: [Uint8Array.of(0xff, 0xfb, 0), rest, Buffer.from("end")],
      end: "complete",
    });
    const speech = await client.audio.speech.create({ model: "lab/m", voice: "alloy", input: "hello" });
    expect(speech.headers.get("content-type")).toBe("audio/mpeg");
    const reader = speech.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    expect([...(await reader.read()).value!]).toEqual([0xff, 0xfb, 0]);
    rest.open();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("end");
    expect((await reader.read()).done).toBe(true);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", bytes: 6 });
  });

  it("gets a moderation, and is told to name a model when it does not", async () => {
    const { upstream, client } = await open();
    upstream.always(status(200, { id: "modr-1", model: "m", results: [{ flagged: false }] }));
    const { results } = await client.moderations.create({ model: "lab/m", input: "hi" });
    expect(results[0]?.flagged).toBe(false);
    await expect(client.moderations.create({ input: "hi" })).rejects.toMatchObject({
      status: 400,
      param: "model",
      message: expect.stringContaining("Missing required parameter: 'model'.") as string,
    });
    expect(upstream.requests).toHaveLength(1);
  });
});

/** The parts of a form without their boundaries. */
function fieldsOf(body: string, boundary: string): string[] {
  const parts = body.split(`--${boundary}`);
  expect(parts[0]).toBe("");
  expect(parts.at(-1)!.trim()).toBe("--");
  return parts.slice(1, -1).map((part) => part.slice(2, -2));
}

describe("the routes", () => {
  it.each([
    ["/v1/rerank", "/v1/rerank"],
    ["/rerank", "/v1/rerank"],
    ["/v1/v1/images/variations", "/v1/images/variations"],
    ["/v1/audio/translations", "/v1/audio/translations"],
    ["/v1/audio/sound-effects", "/v1/audio/sound-effects"],
  ])("%s goes to %s", async (path, asked) => {
    const { proxy, upstream } = await open();
    upstream.reply(ok);
    const response = await post(proxy, path, { model: "lab/m", query: "q", documents: ["a"] });
    expect(await response.json()).toEqual({ ok: true });
    expect(response.headers.get("x-waygate-provider")).toBe("lab");
    expect(response.headers.get("x-waygate-model")).toBe("m");
    expect(response.headers.get("x-waygate-attempts")).toBe("1");
    expect(upstream.requests[0]!.path).toBe(asked);
  });

  it.each([
    "/v1/audio",
    "/v1/audio/a/b",
    "/v1/audio/%2e%2e%2ffiles",
    "/v1/files",
    "/v1/images/1",
    "/v1/fine_tuning/jobs",
  ])("%s is not there", async (path) => {
    const { proxy, upstream } = await open();
    expect((await post(proxy, path, { model: "lab/m" })).status).toBe(404);
    expect(upstream.requests).toHaveLength(0);
  });

  it("know their method", async () => {
    const { proxy } = await open();
    const response = await proxy.fetch("/v1/images/edits");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });

  it("are refused for models of providers that speak another protocol, and leave those out of an alias", async () => {
    const other = definePlugin({
      name: "other",
      providers: [
        defineProvider({
          name: "other",
          protocol: (_model, client) => (client === "openai-chat" ? "strange" : "openai-chat"),
          models: ["x"],
          keyless: true,
          prepare: () => expect.unreachable(),
        }),
      ],
      protocols: [
        { ...(await import("../../src/protocols/openai-chat/index.ts")).openaiChat, id: "strange", routes: {} },
      ],
    });
    const { proxy, upstream } = await open({ plugins: [other], models: { any: ["other/x", "lab/m"] } });
    upstream.always(ok);
    const refused = await post(proxy, "/v1/rerank", { model: "other/x" });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      {
        error: {
          type: "invalid_request_error",
          code: "unsupported_feature",
          param: "model",
          message: expect.stringContaining("POST /v1/rerank is only passed on") as string,
        },
      },
    ]);
    expect((await post(proxy, "/v1/rerank", { model: "any" })).headers.get("x-waygate-provider")).toBe("lab");
  });
});

describe("a failed attempt", () => {
  it.each([
    ["JSON", (proxy: TestProxy) => post(proxy, "/v1/images/generations", { model: "lab/m" })],
    [
      "a form",
      (proxy: TestProxy) => postForm(proxy, formOf({ name: "image", value: "x" }, { name: "model", value: "lab/m" })),
    ],
  ])("A1 with %s is followed by the next key, and the failed one rests", async (_name, ask) => {
    for (const failure of [limited, status(500, { error: "boom" }), status(200, { error: { message: "inside" } })]) {
      const { proxy, upstream } = await open({ plugins: [cooldown()] });
      upstream.when({ key: "k1" }, failure);
      upstream.when({ key: "k2" }, ok);
      const response = await ask(proxy);
      expect([response.status, response.headers.get("x-waygate-attempts")]).toEqual([200, "2"]);
      expect(upstream.requests.map(({ key }) => key)).toEqual(["k1", "k2"]);
      expect(upstream.requests[0]!.body).toBe(upstream.requests[1]!.body);
      const { ctx } = await proxy.recorded(1);
      expect(ctx.attempts[0]?.error).toBeDefined();
      if (failure === limited) {
        await ask(proxy);
        expect(upstream.requests[2]!.key).toBe("k2");
      }
    }
  });

  it("ends as the upstream's error in OpenAI's shape, without its secrets, with a time to come back", async () => {
    const key = "sk-secret-0123456789abcdefghij";
    const { proxy, upstream } = await open({ lab: { keys: [key] }, plugins: [cooldown()] });
    upstream.reply(
      status(400, { error: { message: `bad size for ${key}`, param: "size", code: "bad_size" } }),
      status(429, { error: { message: "slow down" } }, { "retry-after": "600" }),
    );
    const bad = await post(proxy, "/v1/images/generations", { model: "lab/m" });
    const text = await bad.text();
    expect(bad.status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { param: "size", code: "bad_size" } });
    expect(text).not.toContain(key);
    const busy = await postForm(proxy, formOf({ name: "model", value: "lab/m" }));
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "600"]);
    expect(proxy.records.map(({ outcome }) => outcome.end)).toEqual(["upstream-failed", "upstream-failed"]);
  });

  it.each([
    ["a page", status(200, "<html>log in</html>")],
    ["half of its JSON", status(200, '{"data":[', json)],
    ["no JSON", status(200, "", json)],
  ])("with a success status and %s is followed by the next key", async (_name, step) => {
    const { proxy, upstream } = await open();
    upstream.when({ key: "k1" }, step);
    upstream.when({ key: "k2" }, ok);
    expect(await (await post(proxy, "/v1/rerank", { model: "lab/m" })).json()).toEqual({ ok: true });
  });
});

describe("requests", () => {
  it("turn the keys, streamed or not, and give their places back", async () => {
    const plugins: PluginInput[] = [rotate({ mode: "round-robin" })];
    const { proxy, upstream } = await open({ plugins, lab: { concurrency: 1 } });
    upstream.always(ok);
    for (let round = 0; round < 2; round++) {
      await (await post(proxy, "/v1/rerank", { model: "lab/m" })).text();
      await (await postForm(proxy, formOf({ name: "model", value: "lab/m" }))).text();
    }
    expect(upstream.requests.map(({ key }) => key)).toEqual(["k1", "k2", "k1", "k2"]);
    expect(proxy.records).toHaveLength(4);
  });

  it("have no rules of chat applied: nothing is dropped or renamed", async () => {
    const { proxy, upstream } = await open({ lab: { drop: ["user"], rename: { n: "count" }, think: true } });
    upstream.reply(ok);
    const text = '{"user":"u","n":1.0, "model" : "lab/m","big":12345678901234567890}';
    await proxy.fetch("/v1/images/generations", { method: "POST", headers: json, body: text });
    expect(upstream.requests[0]!.body).toBe(text.replace("lab/m", "m"));
  });

  it("pass hooks that look at messages and at events of answers: there are none", async () => {
    const looking = definePlugin({
      name: "looking",
      hooks: {
        filter(ctx) {
          expect(ctx.request).toMatchObject({ model: "lab/m", messages: [] });
          expect(ctx.body.json["model"]).toBe("lab/m");
        },
        event: () => expect.unreachable(),
      },
    });
    const { proxy, upstream } = await open({ plugins: [looking] });
    upstream.always(ok);
    expect((await post(proxy, "/v1/moderations", { model: "lab/m", input: "hi" })).status).toBe(200);
    expect((await postForm(proxy, formOf({ name: "model", value: "lab/m" }))).status).toBe(200);
    expect((await proxy.recorded(2)).outcome.path).toBe("bytes");
  });

  it("need a key of the proxy before anything of them is read, and one that may use the model", async () => {
    const { proxyKey } = await import("waygate/plugins/proxy-key");
    const { proxy, upstream } = await open({ plugins: [proxyKey({ keys: ["client"] })] });
    const refused = await postForm(proxy, formOf({ name: "x", value: "no model" }));
    expect([refused.status, await refused.json()]).toMatchObject([401, { error: { code: "invalid_api_key" } }]);
    expect(upstream.requests).toHaveLength(0);
  });

  it("reach providers that know nothing of forms", async () => {
    const upstream = closing(await createUpstream({ step: ok }));
    const plain = definePlugin({
      name: "plain",
      providers: [
        defineProvider({
          name: "plain",
          protocol: "openai-chat",
          models: ["m"],
          keyless: true,
          prepare: ({ url, method, body }) => ({
            url: upstream.url + url,
            method,
            headers: { "content-type": "application/json", "content-length": "3" },
            body,
          }),
        }),
      ],
    });
    const proxy = closing(await createTestProxy({ plugins: [plain], listen: true }));
    const form = formOf({ name: "model", value: "plain/m" }, { name: "x", value: "1" });
    expect((await postForm(proxy, form)).status).toBe(200);
    expect(upstream.requests[0]!.headers["content-type"]).toBe(formType);
    expect(upstream.requests[0]!.body).toBe(form.toString().replace("plain/m", "m"));
  });

  it("pass without a listening server as well, from web bodies", async () => {
    const upstream = closing(await createUpstream({ step: ok }));
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    const proxy = closing(await createTestProxy({ plugins: [lab] }));
    const form = new FormData();
    form.set("file", new File(["abc"], "a.mp3"));
    form.set("model", "lab/m");
    const response = await proxy.fetch("/v1/audio/transcriptions", { method: "POST", body: form });
    expect(await response.json()).toEqual({ ok: true });
    expect(upstream.requests[0]!.headers["transfer-encoding"]).toBe("chunked");
    expect(upstream.requests[0]!.body).toContain('name="model"\r\n\r\nm\r\n');
  });
});

describe("answers", () => {
  it("without a body keep their status", async () => {
    const { proxy, upstream } = await open();
    upstream.reply(status(204), status(202, "later", { "content-type": "text/plain" }));
    expect((await post(proxy, "/v1/rerank", { model: "lab/m" })).status).toBe(204);
    const accepted = await post(proxy, "/v1/rerank", { model: "lab/m" });
    expect([accepted.status, await accepted.text()]).toEqual([202, "later"]);
  });

  it("that are large pass with their length, and their usage is read from the end", async () => {
    const { proxy, upstream } = await open();
    const big = {
      data: [{ b64_json: "A".repeat(3_000_000), revised_prompt: 'say "usage"' }],
      usage: { input_tokens: 5, output_tokens: 6, total_tokens: 11 },
    };
    upstream.reply(status(200, big));
    const response = await post(proxy, "/v1/images/generations", { model: "lab/m" });
    const text = await response.text();
    expect(response.headers.get("content-length")).toBe(String(text.length));
    expect(JSON.parse(text)).toEqual(big);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ bytes: text.length, usage: { input: 5, output: 6 } });
  });

  it("of which only an unknown field speaks of success or a message are answers", async () => {
    const { proxy, upstream } = await open();
    const body = { code: 0, message: "success", detail: "x", data: [] };
    upstream.reply(status(200, body), status(200, [1, 2]));
    expect(await (await post(proxy, "/v1/rerank", { model: "lab/m" })).json()).toEqual(body);
    expect(await (await post(proxy, "/v1/rerank", { model: "lab/m" })).json()).toEqual([1, 2]);
  });
});
