/** What a model is handed, and what becomes of what it gives, in every version of the specification. */
import { simulateReadableStream } from "ai";
import { describe, expect, test } from "vitest";
import { ConfigError, type GenerateRequest, type Message, ProxyError } from "waygate";
import { aiSdk, type AiSdkModel } from "waygate/plugins/ai-sdk";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { allEvents } from "waygate/testing";
import { ask, proxyOf, read, station, user } from "./_bench.ts";

type Version = AiSdkModel["specificationVersion"];

interface Fake extends AiSdkModel {
  /** What it was handed, call by call. */
  readonly calls: { readonly [name: string]: unknown }[];
}

interface FakeInit {
  readonly parts?: readonly object[];
  readonly provider?: string;
  readonly supportedUrls?: { readonly [type: string]: readonly RegExp[] };
  readonly stream?: ReadableStream;
  readonly fails?: unknown;
}

const usages: { readonly [V in Version]: object } = {
  v2: { inputTokens: 9, outputTokens: 4, totalTokens: 13, reasoningTokens: 1, cachedInputTokens: 2 },
  v3: { inputTokens: { total: 9, cacheRead: 2 }, outputTokens: { total: 4, reasoning: 1 } },
  v4: { inputTokens: { total: 9, cacheRead: 2 }, outputTokens: { total: 4, reasoning: 1 } },
};

function ended(version: Version, reason = "stop"): object {
  const finishReason = version === "v2" ? reason : { unified: reason, raw: "END" };
  return { type: "finish", finishReason, usage: usages[version] };
}

const said = (text: string): object[] => [
  { type: "text-start", id: "1" },
  { type: "text-delta", id: "1", delta: text },
  { type: "text-end", id: "1" },
];

function fake(version: Version, init: FakeInit = {}): Fake {
  const calls: Fake["calls"] = [];
  const parts = init.parts ?? [...said("ok"), ended(version)];
  return {
    specificationVersion: version,
    provider: init.provider ?? "fake.chat",
    modelId: "m",
    supportedUrls: init.supportedUrls ?? {},
    calls,
    doGenerate(options: never) {
      calls.push(options);
      if (init.fails !== undefined) return Promise.reject(init.fails as Error);
      const { usage, finishReason } = ended(version) as { usage: object; finishReason: object };
      return Promise.resolve({ content: [{ type: "text", text: "ok" }], usage, finishReason, warnings: [] });
    },
    doStream(options: never) {
      calls.push(options);
      if (init.fails !== undefined) return Promise.reject(init.fails as Error);
      const stream = init.stream ?? simulateReadableStream({ chunks: [...parts], chunkDelayInMs: null });
      return Promise.resolve({ stream });
    },
  } as Fake & FakeInit;
}

/** The request a model is handed for one of a client. */
async function handed(
  model: Fake,
  request: Partial<GenerateRequest>,
  client = "openai-chat",
): Promise<Fake["calls"][0]> {
  const proxy = await proxyOf([aiSdk(model)]);
  await read(await ask(proxy, client, { model: "fake/m", ...request }), client);
  return model.calls[0]!;
}

const picture = { type: "media", mediaType: "image/png", source: { data: "aGk=" } } as const;
const history: readonly Message[] = [
  { role: "system", parts: [{ type: "text", text: "Be brief." }] },
  { role: "user", parts: [{ type: "text", text: "What is it?" }, picture] },
  { role: "assistant", parts: [{ type: "tool-call", id: "call_1", name: "look", input: '{"n":1}' }] },
  {
    role: "user",
    parts: [
      { type: "tool-result", id: "call_1", content: [{ type: "text", text: "seen" }, picture] },
      { type: "text", text: "And?" },
    ],
  },
];
const look = { type: "function", name: "look", schema: { type: "object" }, strict: true } as const;

describe.each<Version>(["v2", "v3", "v4"])("a model of %s", (version) => {
  test("is handed the conversation, with files as its version has them", async () => {
    const model = fake(version);
    const { prompt } = await handed(model, { messages: history, tools: [look] }, "anthropic");
    const data = version === "v4" ? { type: "data", data: "aGk=" } : "aGk=";
    const shown = {
      v2: { type: "media", data: "aGk=", mediaType: "image/png" },
      v3: { type: "image-data", data: "aGk=", mediaType: "image/png" },
      v4: { type: "file", data: { type: "data", data: "aGk=" }, mediaType: "image/png" },
    };
    expect(prompt).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "file", mediaType: "image/png", data },
        ],
      },
      {
        role: "assistant",
        content: [{ type: "tool-call", toolCallId: "call_1", toolName: "look", input: { n: 1 } }],
      },
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            toolCallId: "call_1",
            toolName: "look",
            output: { type: "content", value: [{ type: "text", text: "seen" }, shown[version]] },
          },
        ],
      },
      { role: "user", content: [{ type: "text", text: "And?" }] },
    ]);
  });

  test("is handed every setting, and the effort where its version or its maker has a word for it", async () => {
    const model = fake(version, { provider: "openai.chat" });
    const proxy = await proxyOf([aiSdk(model, { name: "fake", headers: { "x-a": "b" } })]);
    const request: Partial<GenerateRequest> = {
      model: "fake/m",
      tools: [look, { ...look, name: "other" }],
      toolChoice: { name: "look" },
      parallelToolCalls: false,
      maxTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      stop: ["x"],
      user: "ann",
      reasoning: { effort: "low" },
      format: { type: "json", name: "place", schema: { type: "object" }, strict: true },
    };
    await read(await ask(proxy, "openai-chat", request), "openai-chat");
    const { prompt: _prompt, abortSignal, ...options } = model.calls[0]!;
    expect(abortSignal).toBeInstanceOf(AbortSignal);
    const strict = version === "v2" ? {} : { strict: true };
    const tool = { type: "function", inputSchema: { type: "object" }, ...strict };
    expect(options).toEqual({
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      stopSequences: ["x"],
      tools: [
        { ...tool, name: "look" },
        { ...tool, name: "other" },
      ],
      toolChoice: { type: "tool", toolName: "look" },
      responseFormat: { type: "json", name: "place", schema: { type: "object" } },
      headers: { "x-a": "b" },
      ...(version === "v4" && { reasoning: "low" }),
      providerOptions: {
        openai: {
          parallelToolCalls: false,
          user: "ann",
          strictJsonSchema: true,
          ...(version !== "v4" && { reasoningEffort: "low" }),
        },
      },
    });
  });

  test("has its usage and the way it ended read, streamed and whole", async () => {
    const proxy = await proxyOf([aiSdk(fake(version))]);
    for (const stream of [true, false]) {
      const answer = await read(await ask(proxy, "anthropic", { model: "fake/m", stream }), "anthropic");
      expect(answer.finish?.reason).toBe("stop");
      expect(answer.usage).toMatchObject({ input: 9, cacheRead: 2, output: 4 });
    }
    const { outcome } = await proxy.recorded(2);
    expect(outcome.usage).toMatchObject({ input: 9, cacheRead: 2, output: 4 });
  });
});

describe("a budget of reasoning", () => {
  test.each([
    ["anthropic.messages", { anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } } }],
    ["google.generative-ai", { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } } }],
  ])("reaches %s as one", async (provider, providerOptions) => {
    const model = fake("v4", { provider });
    const proxy = await proxyOf([aiSdk(model, { name: "fake" })]);
    const request = { model: "fake/m", maxTokens: 9000, reasoning: { budget: 2048 } };
    await read(await ask(proxy, "anthropic", request), "anthropic");
    expect(model.calls[0]).toMatchObject({ reasoning: "medium", providerOptions });
  });

  test("gives way to what the config says", async () => {
    const model = fake("v4", { provider: "google.generative-ai" });
    const proxy = await proxyOf([
      aiSdk(model, { name: "fake", providerOptions: { google: { thinkingConfig: {}, x: 1 } } }),
    ]);
    const request = { model: "fake/m", maxTokens: 9000, reasoning: { budget: 2048 } };
    await read(await ask(proxy, "anthropic", request), "anthropic");
    expect(model.calls[0]!["providerOptions"]).toEqual({ google: { thinkingConfig: {}, x: 1 } });
  });
});

describe("pictures by their address", () => {
  const asked = (url: string): readonly Message[] => [
    { role: "user", parts: [{ type: "media", mediaType: "image/*", source: { url } }] },
  ];

  test("go to a model that fetches them", async () => {
    const model = fake("v4", { supportedUrls: { "image/*": [/^https:\/\/.*$/] } });
    const { prompt } = await handed(model, { messages: asked("https://a.example/B.png") });
    const url = new URL("https://a.example/B.png");
    const content = [{ type: "file", mediaType: "image/*", data: { type: "url", url } }];
    expect(prompt).toEqual([{ role: "user", content }]);
  });

  test("are refused for one that does not, since the proxy fetches nothing", async () => {
    const proxy = await proxyOf([aiSdk(fake("v3"))]);
    const response = await ask(proxy, "openai-chat", { model: "fake/m", messages: asked("https://a.example/b.png") });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "unsupported_feature", param: "url" } });
  });
});

describe("what gets lost", () => {
  const hosted = { type: "hosted", protocol: "anthropic", name: "web_search", value: {} } as const;
  const tools = [{ ...hosted, value: { type: "web_search_20250305", name: "web_search" } }];

  test("is on record, the model's own warnings too", async () => {
    const warnings = [{ type: "unsupported", feature: "topK", details: "topK is not there" }];
    const parts = [{ type: "stream-start", warnings }, ...said("ok"), ended("v4")];
    const proxy = await proxyOf([aiSdk(fake("v4", { parts }))]);
    await read(await ask(proxy, "anthropic", { model: "fake/m", stream: true, tools }), "anthropic");
    expect((await proxy.recorded(1)).outcome.losses).toEqual([
      { what: "the hosted tool web_search", where: "tools" },
      { what: "topK is not there", where: "topK" },
    ]);
  });

  test("is refused where nothing may be", async () => {
    const model = fake("v4");
    const proxy = await proxyOf([aiSdk(model)]);
    const { createTestProxy } = await import("waygate/testing");
    await using strict = await createTestProxy({ plugins: proxy.app.plugins, strict: true });
    const response = await ask(strict, "anthropic", { model: "fake/m", tools });
    expect(response.status).toBe(400);
    expect(model.calls).toEqual([]);
  });
});

describe("a stream", () => {
  test("that fails before it says anything leaves the answer to the next", async () => {
    const spare = await station("openai-chat");
    spare.says({ text: "from the next" });
    const lab = openaiCompatible({ name: "lab", baseURL: spare.upstream.url, keys: ["k"], models: ["m"] });
    const parts = [
      { type: "stream-start", warnings: [] },
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    ];
    const { createTestProxy } = await import("waygate/testing");
    await using proxy = await createTestProxy({
      plugins: [aiSdk(fake("v4", { parts })), lab],
      models: { any: ["fake/m", "lab/m"] },
      retry: { sameCredential: 0 },
    });
    const answer = await read(await ask(proxy, "gemini", { model: "any", stream: true }), "gemini");
    expect(answer.parts[0]).toMatchObject({ text: "from the next" });
    expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.kind).toBe("overloaded");
  });

  test("that fails later ends with the error of the client's protocol", async () => {
    const parts = [...said("half of").slice(0, 2), { type: "error", error: new Error("lost in space") }];
    const proxy = await proxyOf([aiSdk(fake("v3", { parts }))]);
    const events = await allEvents(await ask(proxy, "anthropic", { model: "fake/m", stream: true }));
    expect(events.at(-1)).toMatchObject({ event: "error", json: { type: "error", error: { type: "api_error" } } });
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "upstream-failed", error: { kind: "upstream" } });
  });

  test("without a finish is none that is complete", async () => {
    const proxy = await proxyOf([aiSdk(fake("v4", { parts: said("half").slice(0, 2) }))]);
    const text = await (await ask(proxy, "openai-chat", { model: "fake/m", stream: true })).text();
    expect(text).toContain("half");
    expect(text).not.toContain("[DONE]");
    expect((await proxy.recorded(1)).outcome.end).toBe("upstream-failed");
  });

  test("is asked for no faster than it is read, and ended when the client leaves", async () => {
    let pulled = 0;
    const left = Promise.withResolvers<unknown>();
    const endless = new ReadableStream(
      {
        pull(controller) {
          pulled++;
          if (pulled === 1) controller.enqueue({ type: "text-start", id: "1" });
          else controller.enqueue({ type: "text-delta", id: "1", delta: "x".repeat(65_536) });
        },
        cancel: (reason) => left.resolve(reason),
      },
      { highWaterMark: 0 },
    );
    const proxy = await proxyOf([aiSdk(fake("v4", { stream: endless }))]);
    const response = await ask(proxy, "openai-chat", { model: "fake/m", stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    const soon = pulled;
    await new Promise((resolve) => setImmediate(resolve));
    expect(soon).toBeLessThan(100);
    expect(pulled).toBeLessThan(100);
    await reader.cancel();
    await left.promise;
    expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
  });
});

describe("an error that a package throws", () => {
  test.each([
    ["AI_NoSuchModelError", "model_unavailable"],
    ["AI_LoadAPIKeyError", "credential_invalid"],
    ["AI_UnsupportedFunctionalityError", "invalid_request"],
    ["AI_InvalidResponseDataError", "upstream"],
  ])("%s is %s", async (name, kind) => {
    const fails = Object.assign(new Error("so it says"), { name });
    const proxy = await proxyOf([aiSdk(fake("v4", { fails }))]);
    await (await ask(proxy, "openai-chat", { model: "fake/m" })).text();
    const error = (await proxy.recorded(1)).ctx.attempts[0]?.error;
    expect(ProxyError.is(error) && error.kind).toBe(kind);
  });
});

describe("the plugin", () => {
  test("is called what the package calls itself, unless it is given a name", () => {
    expect(aiSdk(fake("v4", { provider: "my-lab.chat" })).providers![0].name).toBe("my_lab");
    expect(aiSdk(fake("v4"), { name: "mine" }).providers![0]).toMatchObject({ name: "mine", models: ["m"] });
    expect(aiSdk((id: string) => ({ ...fake("v2"), modelId: id }), { models: ["a"] }).providers![0]).toMatchObject({
      name: "fake",
      models: ["a"],
    });
  });

  test("of one model has no other", async () => {
    const proxy = await proxyOf([aiSdk(fake("v4"))]);
    expect((await ask(proxy, "openai-chat", { model: "fake/other", messages: [user("x")] })).status).toBe(404);
  });

  test.each([
    ["an object", {}],
    ["a text", "openai/gpt-5"],
    ["nothing", undefined],
  ])("refuses %s", (_what, source) => {
    expect(() => aiSdk(source as never)).toThrow(ConfigError);
  });

  test("asks for a name where the package has none", () => {
    const nameless = {
      languageModel: (): never => {
        throw new Error("no such model");
      },
    };
    expect(() => aiSdk(nameless)).toThrow(/name/);
    expect(aiSdk(nameless, { name: "ok" }).providers![0].name).toBe("ok");
  });
});
