/** Rules F11 and F13–F15: what a request of the upstream's own protocol looks like when it arrives there. */
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, createProxy, definePlugin, defineProvider, type Config } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { answer, createTestProxy, createUpstream, type TestProxy, type Upstream } from "waygate/testing";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

async function bench(name = "lab", tail = "/v1"): Promise<Bench> {
  const upstream = await createUpstream();
  open.push(upstream);
  const baseURL = upstream.url.replace(/\/v1$/, tail);
  const proxy = await createTestProxy({ plugins: [openaiCompatible({ name, baseURL, keys: ["k-1"], models: [] })] });
  open.push(proxy);
  return { proxy, upstream };
}

function post({ proxy }: Bench, text: string, headers: { [name: string]: string } = {}): Promise<Response> {
  return proxy.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
}

describe("F11 one protocol on both sides", () => {
  // Everything that a parse and a print would change: spacing, key order, integers above 2^53, forms of a number,
  // escapes, a key twice, a lone surrogate, fields of next year.
  const body = (model: string, stream: string): string =>
    `{ "zeta":1,"10":2, "2":3,\n\t"model" : ${model},"seed":12345678901234567890,"temperature":1.0,"top_p":1e-1,` +
    `"metadata":{"a\\u0062":"\\ud83d","slash":"\\/","__proto__":{"x":1}},"field_of_next_year":[{"deep":[-0.0,1E5]}],` +
    `"user":"one","user":"two"${stream},"messages":[{"role":"user","content":"Gr\u00fc\u00dfe \u{1f44b}","model":"stays"}] }\n`;

  it("F11 sends the request on byte for byte, except for the model's name", async () => {
    const both = await bench();
    const response = await post(both, body('"lab/org/m\\u0031"', ""));
    expect(response.status).toBe(200);
    const received = await both.upstream.received(1);
    expect(received.body).toBe(body('"org/m1"', ""));
    await response.text();
    expect((await both.proxy.recorded(1)).outcome.path).toBe("bytes");
  });

  it("F11 sends a streamed request on byte for byte when it asks for usage itself", async () => {
    const both = await bench();
    const stream = ',"stream":true,"stream_options":{"include_usage":true,"own":1.50}';
    const response = await post(both, body('"lab/m"', stream));
    await response.text();
    expect((await both.upstream.received(1)).body).toBe(body('"m"', stream));
    expect((await both.proxy.recorded(1)).outcome.path).toBe("bytes");
  });

  it("F11 hands the answer on byte for byte", async () => {
    const both = await bench();
    const text =
      '{ "id":"x","object":"chat.completion","9":1,"1":2,"big":12345678901234567890,"f":1.0,"new":null,' +
      '"choices":[{"index":0,"message":{"role":"assistant","content":"ok","own":[1.10]},"finish_reason":"stop"}]}\n';
    both.upstream.always(() => ({
      before: [],
      head: { status: 200, headers: { "content-type": "application/json" } },
      body: [Buffer.from(text)],
      end: "complete",
    }));
    expect(await (await post(both, '{"model":"lab/m","messages":[{"role":"user","content":"x"}]}')).text()).toBe(text);
  });

  it("F11 refuses a provider at the start whose protocol nobody brings", () => {
    const provider = defineProvider({ name: "odd", protocol: "odd-chat", models: ["m"], prepare: (wire) => wire });
    const start = (): unknown => createProxy({ plugins: [definePlugin({ name: "odd", providers: [provider] })] });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(/odd-chat/);
    expect(start).toThrow(/openai-chat/);
  });
});

describe("F13 unknown fields and headers", () => {
  it("F13 passes headers of the allow list on and no others", async () => {
    const both = await bench();
    const passes = {
      "openai-beta": "assistants=v2",
      "anthropic-beta": "interleaved-thinking",
      "anthropic-version": "2023-06-01",
      "idempotency-key": "once-1",
    };
    const stays = {
      authorization: "Bearer client-secret-1",
      cookie: "session=client-secret-2",
      "x-api-key": "client-secret-3",
      "x-goog-api-key": "client-secret-4",
      "x-forwarded-for": "10.9.8.7",
      "x-waygate-session": "s-1",
      "x-waygate-fallback": "off",
      "x-request-id": "client-id-1",
      "openai-organization": "org-of-client",
      "x-stainless-lang": "js-of-client",
      "x-unknown": "yes",
      "user-agent": "client/9",
      "accept-language": "de-AT",
    };
    const body = '{"model":"lab/m","messages":[{"role":"user","content":"x"}]}';
    const response = await post(both, body, { ...passes, ...stays });
    expect(response.status).toBe(200);
    const { headers } = await both.upstream.received(1);
    expect(headers).toMatchObject(passes);
    expect(headers["authorization"]).toBe("Bearer k-1");
    const sent = JSON.stringify(headers);
    for (const [name, value] of Object.entries(stays)) {
      expect(sent, `${name} must not reach the upstream`).not.toContain(value);
      if (!["authorization", "user-agent"].includes(name)) expect(Object.keys(headers)).not.toContain(name);
    }
  });

  it("F13 does not pass a listed header on that the client bound to its own connection", async () => {
    const both = await bench();
    const listening = await createTestProxy({ plugins: both.proxy.app.plugins, listen: true });
    open.push(listening);
    const { request } = await import("node:http");
    const body = '{"model":"lab/m","messages":[{"role":"user","content":"x"}]}';
    await new Promise<void>((resolve, reject) => {
      const headers = { "content-type": "application/json", connection: "close, openai-beta", "openai-beta": "hop" };
      const sending = request(`${listening.url}/v1/chat/completions`, { method: "POST", headers }, (response) => {
        response.resume().once("end", resolve);
      });
      sending.once("error", reject).end(body);
    });
    expect((await both.upstream.received(1)).headers).not.toHaveProperty("openai-beta");
  });
});

describe("F14 the base URL", () => {
  it.each(["", "/", "/v1", "/v1/", "/v1/v1"])("F14 gives one /v1 for an address that ends in %j", async (tail) => {
    const both = await bench("lab", tail);
    await (await post(both, '{"model":"lab/m","messages":[{"role":"user","content":"x"}]}')).text();
    expect((await both.upstream.received(1)).path).toBe("/v1/chat/completions");
  });

  it.each([
    ["/openai", "/openai/chat/completions"],
    ["/api/v3", "/api/v3/chat/completions"],
    ["/v1/openai/", "/v1/openai/chat/completions"],
  ])("F14 takes the path of %s as it is", async (tail, path) => {
    const both = await bench("lab", tail);
    await (await post(both, '{"model":"lab/m","messages":[{"role":"user","content":"x"}]}')).text();
    expect((await both.upstream.received(1)).path).toBe(path);
  });
});

describe("F15 names of models", () => {
  it.each([
    ["lab/meta/llama-3.1:free", "meta/llama-3.1:free"],
    ["lab/@cf/meta/llama@2024", "@cf/meta/llama@2024"],
    ["lab/m(8192)", "m(8192)"],
    ["lab/m:thinking-high", "m:thinking-high"],
    ["lab/gpt/../x", "gpt/../x"],
    ["lab/lab/m", "lab/m"],
    ["lab/modèle 🦙", "modèle 🦙"],
    ["lab/100%25", "100%25"],
  ])("F15 sends %j to its provider as %j", async (name, model) => {
    const both = await bench();
    const response = await post(both, JSON.stringify({ model: name, messages: [{ role: "user", content: "x" }] }));
    expect(response.status).toBe(200);
    expect((await both.upstream.received(1)).model).toBe(model);
    expect(response.headers.get("x-waygate-provider")).toBe("lab");
    expect(decodeURI(response.headers.get("x-waygate-model") ?? "")).toBe(model);
  });

  it("F15 answers for a name that is no valid Unicode", async () => {
    const both = await bench();
    const response = await post(both, '{"model":"lab/\\ud83d","messages":[{"role":"user","content":"x"}]}');
    expect(response.status).toBe(200);
    expect((await both.upstream.received(1)).body).toContain('"\\ud83d"');
  });

  it.each(["gpu-lab/m", "gpu_lab/m"])("F15 reads - and _ in a provider's id as the same: %s", async (name) => {
    for (const id of ["gpu-lab", "gpu_lab"]) {
      const both = await bench(id);
      both.upstream.always(answer({ text: "here" }));
      const response = await both.proxy.chat({ model: name });
      expect(response.status).toBe(200);
      expect((await both.upstream.received(1)).model).toBe("m");
    }
  });

  it("F15 finds a listed model with slashes by its bare name, and an alias with a colon before it", async () => {
    const upstream = await createUpstream();
    open.push(upstream);
    const plugin = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["meta/llama:free"] });
    const models: Config["models"] = { "best:now": "lab/meta/llama:free", "team/*": "lab/*" };
    const proxy = await createTestProxy({ plugins: [plugin], models });
    open.push(proxy);
    for (const model of ["meta/llama:free", "best:now", "team/meta/llama:free"]) {
      expect((await proxy.chat({ model })).status).toBe(200);
    }
    expect(upstream.requests.map((request) => request.model)).toEqual(Array(3).fill("meta/llama:free"));
  });
});
