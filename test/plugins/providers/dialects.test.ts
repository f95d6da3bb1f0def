/** Headers, addresses and lists of upstreams that speak another protocol than OpenAI's chat. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { FailureSignal, Plugin } from "waygate";
import { anthropic } from "waygate/plugins/anthropic";
import { gemini } from "waygate/plugins/gemini";
import { openai } from "waygate/plugins/openai";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createTestProxy, createUpstream, status, type TestProxy, type Upstream } from "waygate/testing";
import { wires } from "../../sdk/_upstreams.ts";
import type { ProtocolId } from "../../sdk/wire/types.ts";

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

async function bench(protocol: ProtocolId, make: (baseURL: string) => Plugin): Promise<Bench> {
  const { base, says } = wires[protocol];
  const upstream = await createUpstream({ base, step: says({ text: "ok" }) });
  const proxy = await createTestProxy({ plugins: [make(upstream.url)] });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  return { proxy, upstream };
}

async function post(
  { proxy, upstream }: Bench,
  path: string,
  body: object,
  headers: object = {},
): Promise<Upstream["requests"][0]> {
  const response = await proxy.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(`${response.status} ${await response.text()}`).toMatch(/^200 /);
  return upstream.requests.at(-1)!;
}

const messages = [{ role: "user", content: "hello" }];
const betas = { "anthropic-version": "2026-10-21", "anthropic-beta": "of-next-year-2031-01-01,context-1m-2025-08-07" };
const keys = ["upstream-key"];

describe("Anthropic", () => {
  const make = (baseURL: string): Plugin => anthropic({ baseURL, keys, discover: false });

  test("F13 sees what its own client says about version and betas, known or not", async () => {
    const both = await bench("anthropic", make);
    const body = { model: "anthropic/claude-x", max_tokens: 9, messages, field_of_next_year: 1 };
    const { path, headers, json } = await post(both, "/v1/messages", body, { ...betas, "x-api-key": "client" });
    expect(path).toBe("/v1/messages");
    expect(headers).toMatchObject({ ...betas, "x-api-key": "upstream-key" });
    expect(headers).not.toHaveProperty("authorization");
    expect(json).toMatchObject({ model: "claude-x", field_of_next_year: 1 });
  });

  test("F13 gets the usual version, and no beta, with what a client of another protocol asks", async () => {
    const both = await bench("anthropic", make);
    const more = { ...betas, "openai-beta": "assistants=v2", "idempotency-key": "once" };
    const { headers } = await post(both, "/v1/chat/completions", { model: "anthropic/claude-x", messages }, more);
    expect(headers).toMatchObject({ "anthropic-version": "2023-06-01", "idempotency-key": "once" });
    expect(headers).not.toHaveProperty("anthropic-beta");
    expect(headers).not.toHaveProperty("openai-beta");
  });

  test("gets the betas of a config beside those of the client", async () => {
    const stated = { "Anthropic-Beta": "of-the-config-2026-01-01" };
    const both = await bench("anthropic", (baseURL) => anthropic({ baseURL, keys, discover: false, headers: stated }));
    const body = { model: "anthropic/claude-x", max_tokens: 9, messages };
    const own = await post(both, "/v1/messages", body, betas);
    expect(own.headers["anthropic-beta"]).toBe(`of-the-config-2026-01-01,${betas["anthropic-beta"]}`);
    const plain = await post(both, "/v1/messages", body);
    expect(plain.headers["anthropic-beta"]).toBe("of-the-config-2026-01-01");
  });
});

describe("what a client says about its own protocol", () => {
  const said = { ...betas, "openai-beta": "assistants=v2" };

  test.each<ProtocolId>(["openai-chat", "openai-responses", "gemini"])("F13 stays here before %s", async (protocol) => {
    const make = (baseURL: string): Plugin => openaiCompatible({ name: "lab", protocol, baseURL, keys, models: ["m"] });
    const both = await bench(protocol, make);
    const body = { model: "lab/m", max_tokens: 9, messages };
    const { headers } = await post(both, "/v1/messages", body, said);
    expect(Object.keys(headers).filter((name) => /^(?:anthropic|openai)-/.test(name))).toEqual([]);
    const key = protocol === "gemini" ? { "x-goog-api-key": "upstream-key" } : { authorization: "Bearer upstream-key" };
    expect(headers).toMatchObject(key);
  });
});

describe("an address that is only a host", () => {
  test.each<[ProtocolId, string]>([
    ["openai-chat", "/v1/chat/completions"],
    ["openai-responses", "/v1/responses"],
    ["anthropic", "/v1/messages"],
    ["gemini", "/v1beta/models/m:generateContent"],
  ])("gets the version segment of %s", async (protocol, path) => {
    const make = (baseURL: string): Plugin =>
      openaiCompatible({ name: "lab", protocol, baseURL: new URL(baseURL).origin, keys, models: ["m"] });
    const both = await bench(protocol, make);
    expect((await post(both, "/v1/chat/completions", { model: "lab/m", messages })).path).toBe(path);
  });
});

describe("OpenAI", () => {
  const make = (baseURL: string): Plugin => openai({ baseURL, keys, discover: false });

  test("answers a client of the Responses API by it, whatever fields the future brings", async () => {
    const both = await bench("openai-responses", make);
    const body = { model: "openai/gpt-5", input: "hello", max_tokens: 3, field_of_next_year: [1] };
    const sent = await post(both, "/v1/responses", body);
    expect([sent.path, sent.json]).toEqual(["/v1/responses", { ...body, model: "gpt-5" }]);
  });

  test.each(["gpt-5-codex", "codex-mini-latest", "o3-pro", "gpt-5-pro", "o4-mini-deep-research-2025-06-26"])(
    "is asked for %s by the Responses API for every client",
    async (model) => {
      const both = await bench("openai-responses", make);
      expect((await post(both, "/v1/chat/completions", { model: `openai/${model}`, messages })).path).toBe(
        "/v1/responses",
      );
    },
  );

  test.each(["gpt-5", "gpt-4o", "o3", "o4-mini", "gpt-5-mini"])("is asked for %s by chat for others", async (model) => {
    const both = await bench("openai-chat", make);
    const { path } = await post(both, "/v1/messages", { model: `openai/${model}`, max_tokens: 9, messages });
    expect(path).toBe("/v1/chat/completions");
  });

  test("speaks chat only where the config says so", async () => {
    const both = await bench("openai-chat", (baseURL) =>
      openai({ baseURL, keys, discover: false, protocol: "openai-chat" }));
    expect((await post(both, "/v1/responses", { model: "openai/gpt-5", input: "hello" })).path).toBe(
      "/v1/chat/completions",
    );
  });
});

describe("lists of models", () => {
  async function listed(
    make: (baseURL: string) => Plugin,
    pages: { readonly [path: string]: object },
  ): Promise<unknown> {
    await using upstream = await createUpstream();
    upstream.always((request) => status(pages[request.path] ? 200 : 404, pages[request.path]));
    const plugin = make(`${upstream.url}`);
    const proxy = await createTestProxy({ plugins: [plugin] });
    const [provider] = plugin.providers!;
    const credential = proxy.app.credentials.list(provider!.name)[0]!;
    try {
      return await provider!.discover!(credential, new AbortController().signal);
    } finally {
      await proxy.close();
    }
  }

  test("of Anthropic are read page by page", async () => {
    const page = (ids: readonly string[], has_more: boolean): object => ({
      data: ids.map((id) => ({ type: "model", id })),
      has_more,
      first_id: ids[0],
      last_id: ids.at(-1),
    });
    const pages = {
      "/v1/models?limit=1000": page(["a", "b"], true),
      "/v1/models?limit=1000&after_id=b": page(["c"], false),
    };
    expect(await listed((baseURL) => anthropic({ baseURL, keys }), pages)).toEqual(["a", "b", "c"]);
  });

  test("of Gemini are read page by page, what generates or embeds of them", async () => {
    const entry = (name: string, ...supportedGenerationMethods: string[]): object => ({
      name: `models/${name}`,
      supportedGenerationMethods,
    });
    const pages = {
      "/v1/models?pageSize=1000": {
        models: [entry("gemini-x", "generateContent", "countTokens"), entry("veo", "predictLongRunning")],
        nextPageToken: "t/2",
      },
      "/v1/models?pageSize=1000&pageToken=t%2F2": {
        models: [entry("embedder", "embedContent"), entry("live", "bidiGenerateContent")],
      },
    };
    expect(await listed((baseURL) => gemini({ baseURL, keys }), pages)).toEqual(["gemini-x", "embedder"]);
  });
});

describe("a daily quota of Gemini ends at midnight in California", () => {
  test.each([
    ["in winter", "2026-03-02T10:00:00Z", "2026-03-03T08:00:00Z"],
    ["in summer", "2026-07-02T10:00:00.500Z", "2026-07-03T07:00:00Z"],
    ["before the clocks go forward", "2026-03-08T09:30:00Z", "2026-03-09T07:00:00Z"],
    ["after they have", "2026-03-08T18:00:00Z", "2026-03-09T07:00:00Z"],
    ["before they go back", "2026-11-01T08:30:00Z", "2026-11-02T08:00:00Z"],
    ["after they have gone back", "2026-11-01T20:00:00Z", "2026-11-02T08:00:00Z"],
  ])("%s", (_when, now, then) => {
    const body =
      '{"error":{"details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]},{"retryDelay":"9s"}]}}';
    const signal: FailureSignal = {
      status: 429,
      headers: {},
      body,
      error: { message: "" },
      inBand: false,
      model: "m",
      now: Date.parse(now),
    };
    const read = gemini({ keys }).providers![0].classify!(signal);
    expect(read).toMatchObject({ kind: "quota_exhausted" });
    expect(new Date(read!.retryAt!).toISOString()).toBe(new Date(then).toISOString());
  });
});
