import { describe, expect, test } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { temperatureZero } from "waygate/plugins/temperature-zero";
import { answer, createTestProxy, createUpstream, type Received } from "waygate/testing";
import { ConfigError } from "../../src/config/problem.ts";

type Dialect = "openai-chat" | "openai-responses" | "anthropic" | "gemini";

/** What an upstream of a protocol gets of the text that a client of another has sent. */
async function sent(mode: "remove" | "set", protocol: Dialect, path: string, body: string): Promise<Received> {
  await using upstream = await createUpstream({ step: answer({ text: "ok", as: "json" }) });
  await using proxy = await createTestProxy({
    plugins: [
      temperatureZero({ mode }),
      openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"], protocol }),
    ],
    faults: /./,
  });
  await (await proxy.fetch(path, { method: "POST", body, headers: { "content-type": "application/json" } })).text();
  return upstream.received(1);
}

const chat = (rest: string): string => `{"model":"lab/m","messages":[{"role":"user","content":"hi"}]${rest}}`;

describe("temperatureZero()", () => {
  test.each(["0", "0.0", "-0", "0e7", "0.00 "])("takes %s away, and leaves the rest byte for byte", async (zero) => {
    const body = chat(`, "seed":12345678901234567890 ,"temperature" : ${zero}, "top_p":1.0`);
    const { body: arrived } = await sent("remove", "openai-chat", "/v1/chat/completions", body);
    expect(arrived).not.toContain("temperature");
    expect(arrived).toContain('"seed":12345678901234567890');
    expect(arrived).toContain('"top_p":1.0');
  });

  test("sets it to 1 where that is wanted", async () => {
    const { json } = await sent("set", "openai-chat", "/v1/chat/completions", chat(',"temperature":0'));
    expect(json["temperature"]).toBe(1);
  });

  test.each(["0.1", "1", "null", '"0"'])("leaves %s as it is", async (value) => {
    const { json } = await sent("remove", "openai-chat", "/v1/chat/completions", chat(`,"temperature":${value}`));
    expect(json["temperature"]).toEqual(JSON.parse(value));
  });

  test("looks at the field, not at a tool's parameter of that name or at what people write", async () => {
    const tools = `,"tools":[{"type":"function","function":{"name":"heat","parameters":{"type":"object","properties":{"temperature":{"type":"number","default":{"temperature": 0}}}}}}]`;
    const { json } = await sent("remove", "openai-chat", "/v1/chat/completions", chat(tools));
    expect(JSON.stringify(json["tools"])).toContain('"default":{"temperature":0}');
  });

  test.each<[string, Dialect, string, string]>([
    [
      "a Responses client and upstream",
      "openai-responses",
      "/v1/responses",
      '{"model":"lab/m","input":"hi","temperature":0}',
    ],
    [
      "an Anthropic client and upstream",
      "anthropic",
      "/v1/messages",
      '{"model":"lab/m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"temperature":0}',
    ],
    [
      "a Gemini client and upstream",
      "gemini",
      "/v1beta/models/lab/m:generateContent",
      '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"temperature":0,"topK":3}}',
    ],
    [
      "the other spelling of Gemini's",
      "gemini",
      "/v1beta/models/lab/m:generateContent",
      '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generation_config":{"temperature":0.0,"top_k":3}}',
    ],
    ["a chat client and a Gemini upstream", "gemini", "/v1/chat/completions", chat(',"temperature":0')],
    [
      "a Gemini client and a chat upstream",
      "openai-chat",
      "/v1beta/models/lab/m:generateContent",
      '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"temperature":0}}',
    ],
    ["a legacy completion", "openai-chat", "/v1/completions", '{"model":"lab/m","prompt":"hi","temperature":0}'],
  ])("holds for %s", async (_name, protocol, path, body) => {
    expect((await sent("remove", protocol, path, body)).body).not.toContain("temperature");
  });

  test("sets it inside Gemini's own object", async () => {
    const body = '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"temperature":0}}';
    const { json } = await sent("set", "gemini", "/v1beta/models/lab/m:generateContent", body);
    expect(json["generationConfig"]).toEqual({ temperature: 1 });
  });

  test("does not start with a mode that is none", () => {
    expect(() => temperatureZero({ mode: "keep" as "set" })).toThrow(ConfigError);
  });
});
