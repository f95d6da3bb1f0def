import { describe, expect, it } from "vitest";
import type { GenerateRequest, Json, JsonObject, Message } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { textBody } from "../../../src/wire/body.ts";
import { requestFor } from "./fixtures.ts";

function decoded(body: JsonObject, rest = "gemini-2.5-flash:generateContent"): GenerateRequest {
  return gemini.decodeRequest(textBody(JSON.stringify(body)), requestFor(rest));
}

/** Messages without what only this protocol can read. */
function plain({ messages }: GenerateRequest): Json {
  return JSON.parse(JSON.stringify(messages, (key, value: Json) => (key === "meta" ? undefined : value))) as Json;
}

const hi = { role: "user", parts: [{ text: "hi" }] };

describe("a request of Gemini", () => {
  it("F5 gives calls without ids the same ones every time, and their results too", () => {
    const calls: Json[] = [
      { functionCall: { name: "a" } },
      { functionCall: { name: "b", args: { n: 1 } } },
      { functionCall: { name: "a" } },
    ];
    const response = (name: string): JsonObject => ({ functionResponse: { name, response: { output: name } } });
    const contents: Json[] = [
      hi,
      { role: "model", parts: calls },
      { role: "user", parts: [response("b"), response("a"), response("a")] },
    ];
    const ids = (plain(decoded({ contents })) as unknown as Message[]).flatMap(({ parts }) =>
      parts.map((part) => ("id" in part ? part.id : "")),
    );
    expect(ids).toEqual(["", "call_1_0", "call_1_1", "call_1_2", "call_1_1", "call_1_0", "call_1_2"]);
    const longer = plain(decoded({ contents: [...contents, hi] })) as Json[];
    expect(longer.slice(0, -1)).toEqual(plain(decoded({ contents })));
  });

  it("F12 says data in the alphabet the others read, and gives its own service the one it came in", () => {
    const part = { inlineData: { mimeType: "image/png", data: "a-b_" } };
    const body = { contents: [{ role: "user", parts: [part] }] };
    const request = decoded(body);
    expect(request.messages[0]?.parts[0]).toMatchObject({ source: { data: "a+b/" } });
    expect(gemini.encodeRequest(request, () => {}).json["contents"]).toEqual(body.contents);
  });

  it("says what a function has answered, as text", () => {
    const response = (value: Json): JsonObject => ({ functionResponse: { id: "x", name: "f", response: value } });
    const values: Json[] = [{ output: "o" }, { result: { a: 1 } }, { error: "e" }, { temp: 22, list: [] }, {}];
    const contents: Json[] = [{ role: "user", parts: values.map(response) }];
    const [message] = plain(decoded({ contents })) as unknown as Message[];
    expect(message?.parts.map((part) => (part.type === "tool-result" ? [part.content[0], part.isError] : []))).toEqual([
      [{ type: "text", text: "o" }, undefined],
      [{ type: "text", text: '{"a":1}' }, undefined],
      [{ type: "text", text: "e" }, true],
      [{ type: "text", text: '{"temp":22,"list":[]}' }, undefined],
      [{ type: "text", text: "{}" }, undefined],
    ]);
  });

  it("F1 keeps signatures as seals, those of others under their own name", () => {
    const parts: Json[] = [
      { text: "t", thought: true, thoughtSignature: "px1.anthropic.claude.c2ln" },
      { functionCall: { id: "a", name: "f", args: {} }, thoughtSignature: "b3du" },
      { inlineData: { mimeType: "image/png", data: "AA" }, thoughtSignature: "cGlj" },
    ];
    const { messages } = decoded({ contents: [hi, { role: "model", parts }] });
    expect(messages[1]?.parts.map((part) => ("seal" in part ? part.seal : undefined))).toEqual([
      { protocol: "anthropic", provider: "claude", value: "c2ln" },
      { protocol: "gemini", value: "b3du" },
      { protocol: "gemini", value: "cGlj" },
    ]);
  });

  it("may be spelled in snake_case, but for what is not Google's", () => {
    const request = decoded({
      contents: [
        hi,
        {
          role: "model",
          parts: [{ function_call: { name: "f", args: { snake_case: { in_args: 1 } } }, thought_signature: "c2ln" }],
        },
      ],
      system_instruction: { parts: [{ text: "S" }] },
      tools: [
        {
          function_declarations: [
            { name: "f", parameters: { type: "OBJECT", properties: { my_name: { type: "STRING", min_length: "1" } } } },
          ],
        },
      ],
      tool_config: { function_calling_config: { mode: "ANY", allowed_function_names: ["f"] } },
      generation_config: { max_output_tokens: 5, thinking_config: { include_thoughts: true, thinking_budget: 7 } },
    });
    expect(request).toMatchObject({
      maxTokens: 5,
      toolChoice: { name: "f" },
      reasoning: { budget: 7, visible: true },
      tools: [{ name: "f", schema: { type: "object", properties: { my_name: { type: "string", minLength: 1 } } } }],
    });
    expect(request.messages[0]?.role).toBe("system");
    expect(request.messages[2]?.parts[0]).toMatchObject({
      input: '{"snake_case":{"in_args":1}}',
      seal: { value: "c2ln" },
    });
    expect(gemini.encodeRequest(request, () => undefined).json["generationConfig"]).toEqual({
      maxOutputTokens: 5,
      thinkingConfig: { includeThoughts: true, thinkingBudget: 7 },
    });
  });

  it.each<[JsonObject, GenerateRequest["reasoning"]]>([
    [{ thinkingBudget: 0 }, { effort: "none" }],
    [
      { includeThoughts: true, thinkingBudget: -1 },
      { budget: -1, visible: true },
    ],
    [{ thinkingLevel: "MINIMAL" }, { effort: "minimal" }],
    [
      { thinkingLevel: "low", includeThoughts: false },
      { effort: "low", visible: false },
    ],
    [{ mode: "new" }, undefined],
  ])("F3 that thinks by %j", (thinkingConfig, reasoning) => {
    expect(decoded({ contents: [hi], generationConfig: { thinkingConfig } }).reasoning).toEqual(reasoning);
  });

  it("keeps its own words about thinking only as long as nobody has changed what they mean", () => {
    const request = decoded({
      contents: [hi],
      generationConfig: { thinkingConfig: { thinkingBudget: 7, includeThoughts: true } },
    });
    const changed = { ...request, reasoning: { effort: "low" as const } };
    expect(gemini.encodeRequest(changed, () => undefined).json["generationConfig"]).toEqual({
      thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
    });
  });

  it("is refused by other protocols when it asks for sound, or goes on from a cache only Google has", () => {
    const lose = (): void => undefined;
    const sound = decoded({ contents: [hi], generationConfig: { responseModalities: ["AUDIO"] } });
    expect(() => openaiChat.encodeRequest(sound, lose)).toThrow("responseModalities");
    expect(() =>
      openaiChat.encodeRequest(decoded({ contents: [hi], cachedContent: "cachedContents/a" }), lose),
    ).toThrow("cachedContent");
  });

  it("loses elsewhere only what has a meaning", () => {
    const losses: string[] = [];
    const body = {
      contents: [hi],
      labels: { a: "b" },
      safetySettings: [{ category: "X", threshold: "OFF" }],
      generationConfig: {
        responseModalities: ["TEXT"],
        mediaResolution: "MEDIA_RESOLUTION_LOW",
        responseLogprobs: true,
      },
    };
    openaiChat.encodeRequest(decoded(body), (loss) => losses.push(loss.where));
    expect(losses).toEqual(["safetySettings", "generationConfig.responseLogprobs"]);
  });
});

describe("through another protocol's client and back", () => {
  it("F2 a signature survives in the tool calls of OpenAI's chat", () => {
    const events: string[] = [];
    const init = { id: "a", model: "m", created: 1, usage: true };
    const encoder = openaiChat.encoder(init, () => undefined);
    const decoder = gemini.decoder();
    const parts: Json[] = [
      { functionCall: { name: "f", args: { n: 1 } }, thoughtSignature: "c2ln" },
      { functionCall: { name: "f" } },
    ];
    const body = { candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }], responseId: "r" };
    decoder.body(body, (event) => {
      const sealed =
        event.type === "tool-start" && event.seal ? { ...event, seal: { ...event.seal, provider: "g" } } : event;
      events.push(event.type);
      encoder.event(sealed, () => undefined);
    });
    encoder.end(() => undefined);
    const [choice] = encoder.body()["choices"] as unknown as { message: JsonObject; finish_reason: string }[];
    expect(choice?.finish_reason).toBe("tool_calls");
    const calls = choice?.message["tool_calls"] as unknown as { id: string }[];
    const results = calls.map(({ id }) => ({
      role: "tool",
      tool_call_id: id,
      content: "ok",
    }));
    const next = { model: "m", messages: [{ role: "user", content: "go" }, choice?.message, ...results] };
    const request = openaiChat.decodeRequest(
      textBody(JSON.stringify(next)),
      new Request("http://localhost/v1/chat/completions"),
    );
    const { contents } = gemini.encodeRequest({ ...request, model: "gemini-3-pro" }, () => undefined).json;
    expect((contents as unknown as { parts: Json[] }[])[1]?.parts).toEqual([
      { functionCall: { id: "call_r0", name: "f", args: { n: 1 } }, thoughtSignature: "c2ln" },
      { functionCall: { id: "call_r1", name: "f", args: {} } },
    ]);
  });
});
