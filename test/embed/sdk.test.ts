/** Official clients with `fetch: proxy.fetch`: the proxy as a library, without a port. */
import OpenAI, { APIConnectionTimeoutError, APIUserAbortError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProxy, type Proxy } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { answer, chunk, createUpstream, gate, silence, status, stream, type Upstream } from "waygate/testing";

const messages = [{ role: "user" as const, content: "hello" }];

describe("the openai client with fetch: proxy.fetch", () => {
  let upstream: Upstream;
  let proxy: Proxy;
  let client: OpenAI;

  beforeAll(async () => {
    upstream = await createUpstream();
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    proxy = createProxy({ base: "/llm", plugins: [proxyKey({ keys: ["client-key"] }), lab], log: { level: "silent" } });
    const { fetch } = proxy;
    client = new OpenAI({ baseURL: "http://waygate.local/llm/v1", apiKey: "client-key", maxRetries: 0, fetch });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });

  it("gets whole answers and the list of models", async () => {
    upstream.reply(answer({ text: "no socket on this side" }));
    const { choices } = await client.chat.completions.create({ model: "lab/m", messages });
    expect(choices[0]?.message.content).toBe("no socket on this side");
    const ids = await Array.fromAsync(client.models.list(), (model) => model.id);
    expect(ids).toEqual(["lab/m"]);
  });

  it("C4 gets every event when it comes", async () => {
    const second = gate();
    upstream.reply(stream([chunk({ content: "first" }), second, chunk({ content: "second" }, { finish: "stop" })]));
    const events = (await client.chat.completions.create({ model: "lab/m", messages, stream: true }))[
      Symbol.asyncIterator
    ]();
    const first = await events.next();
    second.open();
    const rest = await events.next();
    expect([first, rest].map(({ value }) => value?.choices[0]?.delta.content)).toEqual(["first", "second"]);
    expect((await events.next()).done).toBe(true);
  });

  it("passes a body of one megabyte", async () => {
    upstream.reply(answer());
    const content = "é🙂x".repeat(150_000);
    const sent = upstream.received(upstream.requests.length + 1);
    await client.chat.completions.create({ model: "lab/m", messages: [{ role: "user", content }] });
    expect((await sent).body.includes(content)).toBe(true);
  });

  it("raises refusals of ours and of the upstream", async () => {
    await expect(client.chat.completions.create({ model: "nobody/m", messages })).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    const keyless = client.withOptions({ apiKey: "wrong" });
    await expect(keyless.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    upstream.reply(status(400, { error: { message: "too hot", type: "invalid_request_error", param: "temperature" } }));
    await expect(client.chat.completions.create({ model: "lab/m", messages })).rejects.toMatchObject({
      status: 400,
      param: "temperature",
    });
  });

  it("C1 an abort before the answer reaches the upstream and is raised as one", async () => {
    upstream.reply(silence());
    const sent = upstream.received(upstream.requests.length + 1);
    const leave = new AbortController();
    const pending = client.chat.completions.create({ model: "lab/m", messages }, { signal: leave.signal });
    const request = await sent;
    leave.abort();
    await expect(pending).rejects.toBeInstanceOf(APIUserAbortError);
    expect(await request.closed).toBe("client");
  });

  it("a timeout of the client reaches the upstream and is raised as one", async () => {
    upstream.reply(silence());
    const sent = upstream.received(upstream.requests.length + 1);
    const pending = client.chat.completions.create({ model: "lab/m", messages }, { timeout: 50 });
    await expect(pending).rejects.toBeInstanceOf(APIConnectionTimeoutError);
    expect(await (await sent).closed).toBe("client");
  });

  it("C4 leaving the loop over a stream reaches the upstream", async () => {
    upstream.reply(stream([chunk({ content: "a" }), gate()]));
    const sent = upstream.received(upstream.requests.length + 1);
    for await (const part of await client.chat.completions.create({ model: "lab/m", messages, stream: true })) {
      expect(part.choices[0]?.delta.content).toBe("a");
      break;
    }
    expect(await (await sent).closed).toBe("client");
  });

  it("an abort in the middle of a stream fails the reader as the global fetch does", async () => {
    upstream.reply(stream([chunk({ content: "a" }), gate()]));
    const sent = upstream.received(upstream.requests.length + 1);
    const leave = new AbortController();
    const response = await proxy.fetch("http://waygate.local/llm/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer client-key" },
      body: JSON.stringify({ model: "lab/m", messages, stream: true }),
      signal: leave.signal,
    });
    const reader = response.body!.getReader();
    await reader.read();
    leave.abort();
    await expect(reader.read()).rejects.toMatchObject({ name: "AbortError" });
    expect(await (await sent).closed).toBe("client");
  });
});

describe("proxy.fetch", () => {
  it("takes an address, a URL or a Request, and ignores what a host adds to a Request", async () => {
    const proxy = createProxy({ plugins: [], log: { level: "silent" } });
    const handler: (request: Request, environment: object) => Promise<Response> = proxy.fetch;
    const address = "http://waygate.local/health";
    for (const response of [
      await proxy.fetch(address),
      await proxy.fetch(new URL(address), { method: "HEAD" }),
      await handler(new Request(address), { method: "DELETE", body: "of the host" }),
    ]) {
      expect(response.status).toBe(200);
    }
    await expect(proxy.fetch("no address")).rejects.toThrow(TypeError);
    await proxy.close();
  });
});
