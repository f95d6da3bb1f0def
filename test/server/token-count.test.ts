import { describe, expect, it } from "vitest";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";

const openai = openaiCompatible({ name: "openai", baseURL: "http://127.0.0.1:1", keys: ["k"], models: ["gpt-4o"] });
const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
  createTestProxy({ plugins: [echo(), openai], models: { old: "openai/gpt-4", new: "openai/gpt-4o" }, ...options });

const ask = (proxy: TestProxy, body: unknown, headers: { [name: string]: string } = {}): Promise<Response> =>
  proxy.fetch("/v1/token-count", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const count = async (proxy: TestProxy, body: object): Promise<unknown> => {
  const response = await ask(proxy, body);
  expect(response.status).toBe(200);
  return response.json();
};
const saying = (content: unknown, model = "openai/gpt-4o"): object => ({
  model,
  messages: [{ role: "user", content }],
});

describe("POST /v1/token-count", () => {
  it("counts the tokens of the messages", async () => {
    await using proxy = await start();
    expect(await count(proxy, saying("hello world"))).toEqual({ token_count: 9 });
    expect(await count(proxy, saying([{ type: "text", text: "hello world" }]))).toEqual({ token_count: 9 });
  });

  it("counts with the vocabulary of the model an alias stands for", async () => {
    await using proxy = await start();
    const word = "Donaudampfschifffahrt";
    const [old, fresh] = [await count(proxy, saying(word, "old")), await count(proxy, saying(word, "new"))];
    expect(old).toEqual(await count(proxy, saying(word, "gpt-4")));
    expect(fresh).toEqual(await count(proxy, saying(word, "gpt-4o")));
    expect(old).not.toEqual(fresh);
  });

  it("counts for models it does not know", async () => {
    await using proxy = await start();
    expect(await count(proxy, saying("hello world", "nobody/nothing"))).toEqual({ token_count: 9 });
  });

  it("does not count a picture's bytes", async () => {
    await using proxy = await start();
    const url = `data:image/png;base64,${"A".repeat(100_000)}`;
    expect(await count(proxy, saying([{ type: "image_url", image_url: { url } }]))).toEqual({ token_count: 7 + 765 });
  });

  it.each([
    [{ messages: [{ role: "user", content: "x" }] }, "model"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: "x" }, "messages"],
    [{ model: "m", messages: [] }, "messages"],
    [{ model: "m", messages: ["x"] }, "messages[0]"],
    [{ model: 1, messages: [] }, "model"],
  ])("refuses %j with a 400 that names the field", async (body, param) => {
    await using proxy = await start();
    const response = await ask(proxy, body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { type: string; param: string | null } };
    expect(error.type).toBe("invalid_request_error");
    expect(error.param ?? "messages").toContain(param);
  });

  it.each(["", "{", "[]"])("refuses the body %j with a 400", async (body) => {
    await using proxy = await start();
    expect((await ask(proxy, body)).status).toBe(400);
  });

  it("keeps the limit of bodies and asks for the proxy's key before it reads one", async () => {
    await using proxy = await start({
      server: { maxBody: 100 },
      plugins: [echo(), openai, proxyKey({ keys: ["secret-key-1234"] })],
    });
    expect((await ask(proxy, "{")).status).toBe(401);
    const headers = { authorization: "Bearer secret-key-1234" };
    expect((await ask(proxy, saying("x".repeat(200)), headers)).status).toBe(413);
  });
});
