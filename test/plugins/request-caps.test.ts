import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { requestCaps, type RequestCapRule } from "waygate/plugins/request-caps";
import { answer, createTestProxy, createUpstream, type TestProxy } from "waygate/testing";

type Upstream = Awaited<ReturnType<typeof createUpstream>>;
interface Bench extends AsyncDisposable {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

/** The providers `lab` and `other`, behind the alias `both`. */
async function start(
  rules: RequestCapRule | readonly RequestCapRule[],
  protocol: "openai-chat" | "openai-responses" | "anthropic" | "gemini" = "openai-chat",
): Promise<Bench> {
  const upstream = await createUpstream();
  upstream.always(answer({ text: "ok" }));
  const baseURL = `${upstream.url}/v1`;
  const proxy = await createTestProxy({
    plugins: [
      definePlugin({
        name: "who",
        hooks: { auth: ({ req }) => ({ id: "u1", label: req.headers.get("x-who") ?? "" }) },
      }),
      openaiCompatible({ name: "lab", baseURL, keys: ["a"], models: ["m"], protocol }),
      openaiCompatible({ name: "other", baseURL, keys: ["b"], models: ["m"], protocol }),
      requestCaps(rules),
    ],
    models: { both: ["lab/m", "other/m"] },
  });
  const close = async (): Promise<void> => {
    await proxy.close();
    await upstream[Symbol.asyncDispose]();
  };
  return { proxy, upstream, [Symbol.asyncDispose]: close };
}

interface Refusal {
  readonly error: { readonly code: string; readonly param: string; readonly message: string };
}

async function refused({ proxy }: Bench, body: object, who = ""): Promise<string | undefined> {
  const response = await proxy.chat({ model: "lab/m", ...body }, { headers: { "x-who": who } });
  const text = await response.text();
  return response.status === 400 ? (JSON.parse(text) as Refusal).error.code : undefined;
}

const words = (count: number): { messages: unknown } => ({
  messages: [{ role: "user", content: Array.from({ length: count }, () => "hello").join(" ") }],
});
const picture = {
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x.example/a.png" } }] }],
};
const tools = { tools: [{ type: "function", function: { name: "f", parameters: {} } }] };

describe("requestCaps()", () => {
  it("E5 lets a prompt through that has as many tokens as it may, and refuses one more", async () => {
    await using bench = await start({ input: 100 });
    // Seven tokens frame one message.
    expect(await refused(bench, words(93))).toBe(undefined);
    expect(await refused(bench, words(94))).toBe("context_length_exceeded");
    expect(await refused(bench, { messages: picture.messages })).toBe("context_length_exceeded");
    expect(bench.upstream.requests).toHaveLength(1);
  });

  it("counts a prompt of a megabyte no further than to its limit", async () => {
    await using bench = await start({ input: 1000 });
    const began = performance.now();
    expect(await refused(bench, words(170_000))).toBe("context_length_exceeded");
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it("switches tools and pictures off", async () => {
    await using bench = await start({ tools: false, vision: false });
    expect(await refused(bench, tools)).toBe("unsupported_feature");
    expect(await refused(bench, picture)).toBe("unsupported_feature");
    expect(await refused(bench, { tools: [] })).toBe(undefined);
    expect(bench.proxy.records.at(-1)?.outcome.path).toBe("bytes");
  });

  it.each([
    ["openai-chat", { max_tokens: 900 }, { max_tokens: 400 }],
    ["openai-chat", { max_completion_tokens: 900 }, { max_completion_tokens: 400 }],
    ["openai-chat", {}, { max_tokens: 400 }],
    ["openai-chat", { max_tokens: 7, seed: "12345678901234567890" }, { max_tokens: 7 }],
    ["openai-responses", { max_tokens: 900 }, { max_output_tokens: 400 }],
    ["anthropic", { max_tokens: 900 }, { max_tokens: 400 }],
    ["anthropic", {}, { max_tokens: 400 }],
    ["gemini", { max_tokens: 900 }, { generationConfig: { maxOutputTokens: 400 } }],
    ["gemini", { max_tokens: 9 }, { generationConfig: { maxOutputTokens: 9 } }],
  ] as const)("for %s %j is sent on as %j", async (protocol, given, sent) => {
    await using bench = await start({ output: 400 }, protocol);
    const { seed, ...rest } = given as { seed?: string; max_tokens?: number };
    const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }], ...rest });
    const text = seed === undefined ? body : `${body.slice(0, -1)}, "seed": ${seed}}`;
    await bench.proxy.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: text,
    });
    const [request] = bench.upstream.requests;
    expect(request?.json).toMatchObject(sent);
    if (seed !== undefined) expect(request?.body).toContain(`"seed": ${seed}`);
  });

  it("leaves room below a clamped answer of Claude for its thinking, or takes the thinking away", async () => {
    for (const [output, thinking] of [
      [4000, { type: "enabled", budget_tokens: 2000 }],
      [1000, undefined],
    ] as const) {
      await using bench = await start({ output }, "anthropic");
      await bench.proxy.fetch("/v1/messages", {
        method: "POST",
        headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
        body: JSON.stringify({
          model: "lab/m",
          max_tokens: 9000,
          thinking: { type: "enabled", budget_tokens: 8000 },
          messages: [{ role: "user", content: "hi" }],
        }),
      });
      const { max_tokens: most, thinking: left } = bench.upstream.requests[0]!.json as Record<string, unknown>;
      expect([most, left]).toEqual([output, thinking]);
    }
  });

  it("refuses longer answers where it is told to, and still clamps where none is asked for", async () => {
    await using bench = await start({ output: 400, over: "refuse" });
    expect(await refused(bench, { max_tokens: 401 })).toBe("token_limit_exceeded");
    expect(await refused(bench, { max_tokens: 400 })).toBe(undefined);
    expect(await refused(bench, {})).toBe(undefined);
    expect(bench.upstream.requests.at(-1)?.json).toMatchObject({ max_tokens: 400 });
  });

  it("of each property the first rule that fits the model and the client counts", async () => {
    await using bench = await start([
      { users: "v*", tools: true, output: 0 },
      { models: "lab/*", tools: false },
      { output: 400 },
    ]);
    expect(await refused(bench, tools, "vip")).toBe(undefined);
    expect(await refused(bench, tools, "guest")).toBe("unsupported_feature");
    expect(await refused(bench, { model: "other/m", ...tools }, "guest")).toBe(undefined);
    const limits = bench.upstream.requests.map(({ json }) => (json as { max_tokens?: number }).max_tokens);
    expect(limits).toEqual([undefined, 400]);
  });

  it("goes to the targets of an alias that may, and is refused when none may", async () => {
    await using bench = await start([{ models: "lab/m", tools: false }]);
    expect(await refused(bench, { model: "both", ...tools })).toBe(undefined);
    expect(bench.upstream.requests.map(({ key }) => key)).toEqual(["b"]);
    expect(bench.proxy.records[0]?.ctx.decisions[0]).toMatchObject({
      ...{ policy: "request-caps", action: "drop", kind: "filtered" },
      reason: expect.stringContaining("Tools") as string,
    });
    await using none = await start([{ models: "both", tools: false }]);
    expect(await refused(none, { model: "both", ...tools })).toBe("unsupported_feature");
    expect(await refused(none, { model: "lab/m", ...tools })).toBe(undefined);
  });

  it.each<[RequestCapRule, RegExp]>([
    [{ input: -1 }, /input cannot be -1/],
    [{ output: 1.5 }, /output cannot be 1.5/],
    [{ over: "clip" as "clamp" }, /over cannot be "clip"/],
  ])("the rule %j does not start", (rule, why) => {
    expect(() => requestCaps(rule)).toThrow(why);
  });
});
