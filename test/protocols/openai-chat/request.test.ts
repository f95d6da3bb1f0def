import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { GenerateRequest, Json, JsonObject, Message, Part } from "../../../src/protocols/canonical.ts";
import { loseAllForeign } from "../../../src/protocols/meta.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { textBody } from "../../../src/wire/body.ts";

const request = new Request("http://localhost/v1/chat/completions", { method: "POST" });
const hello = { role: "user", content: "hello" };

function refused(body: Json): { param: string | undefined; message: string } {
  try {
    openaiChat.inspect(request, textBody(JSON.stringify(body)));
  } catch (error) {
    if (ProxyError.is(error) && error.kind === "invalid_request") return { param: error.param, message: error.message };
    throw error;
  }
  throw new Error("the request was accepted");
}

function encoded(
  messages: readonly Message[],
  more: Partial<GenerateRequest> = {},
): { json: JsonObject; losses: string[] } {
  const losses: string[] = [];
  const body = openaiChat.encodeRequest({ model: "m", stream: false, messages, ...more }, (loss) =>
    losses.push(loss.what),
  );
  return { json: body.json, losses };
}

describe("inspect", () => {
  it.each([
    [
      { model: "m", messages: [hello] },
      { model: "m", stream: false, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: null },
      { model: "m", stream: false, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: true },
      { model: "m", stream: true, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: true, stream_options: { include_usage: true }, unheard_of: 1 },
      { model: "m", stream: true, usage: true },
    ],
  ])("reads %j", (body, inspection) => {
    expect(openaiChat.inspect(request, textBody(JSON.stringify(body)))).toEqual(inspection);
  });

  it.each<[Json, string | undefined]>([
    [[], undefined],
    [{ messages: [hello] }, "model"],
    [{ model: "", messages: [hello] }, "model"],
    [{ model: 7, messages: [hello] }, "model"],
    [{ model: "m", stream: "yes", messages: [hello] }, "stream"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: "hi" }, "messages"],
    [{ model: "m", messages: [] }, "messages"],
    [{ model: "m", messages: [hello, "hi"] }, "messages[1]"],
    [{ model: "m", messages: [{ content: "x" }] }, "messages[0].role"],
    [{ model: "m", messages: [{ role: 1 }] }, "messages[0].role"],
  ])("refuses %j and names the field", (body, param) => {
    const { param: named, message } = refused(body);
    expect(named).toBe(param);
    if (param) expect(message).toContain(`'${param}'`);
  });
});

describe("retarget", () => {
  const text =
    '{"model":"a","seed":12345678901234567890, "stream":true,"stream_options":{"include_obfuscation":false},"messages":[]}';

  it("changes the model and no other byte", () => {
    expect(openaiChat.retarget(textBody(text), "b", {}).text).toBe(text.replace('"a"', '"b"'));
  });

  it("D6 asks for usage in a stream beside the options that are there", () => {
    expect(openaiChat.retarget(textBody(text), "a", { usage: true }).text).toBe(
      text.replace("false}", 'false,"include_usage":true}'),
    );
    const plain = '{"model":"a","stream":true}';
    expect(openaiChat.retarget(textBody(plain), "a", { usage: true }).json["stream_options"]).toEqual({
      include_usage: true,
    });
  });

  it("does not ask for usage where nothing is streamed", () => {
    const whole = '{"model":"a","stream":false}';
    expect(openaiChat.retarget(textBody(whole), "a", { usage: true }).text).toBe(whole);
  });
});

describe("decodeRequest", () => {
  it("puts what the canonical form knows into it, and the rest under its own name", () => {
    const body = textBody(
      JSON.stringify({
        model: "m",
        stream: true,
        max_completion_tokens: 9,
        stop: "x",
        seed: 1,
        reasoning_effort: "xhigh",
        messages: [
          { role: "developer", content: "d" },
          { role: "tool", tool_call_id: "t", content: "r" },
        ],
      }),
    );
    const decoded = openaiChat.decodeRequest(body, request);
    expect(decoded).toMatchObject({
      model: "m",
      stream: true,
      maxTokens: 9,
      stop: ["x"],
      seed: 1,
      reasoning: { effort: "xhigh" },
    });
    expect(decoded.messages.map(({ role, parts }) => [role, parts[0]?.type])).toEqual([
      ["system", "text"],
      ["user", "tool-result"],
    ]);
  });

  it("honours what a hook changed over what the client wrote", () => {
    const body = textBody(
      JSON.stringify({
        model: "m",
        stream: true,
        stream_options: { include_usage: true },
        temperature: null,
        stop: "x",
        messages: [hello],
      }),
    );
    const decoded = openaiChat.decodeRequest(body, request);
    const changed = { ...decoded, stream: false, temperature: 1, stop: ["a", "b"] };
    expect(openaiChat.encodeRequest(changed, () => {}).json).toEqual({
      model: "m",
      temperature: 1,
      stop: ["a", "b"],
      messages: [hello],
    });
  });
});

describe("encodeRequest of what other protocols say", () => {
  const calls = (...ids: string[]): Message => ({
    role: "assistant",
    parts: ids.map((id) => ({ type: "tool-call", id, name: "f", input: "{}" })),
  });
  /** Without the assistant's messages that hold calls only. */
  const answers = (json: JsonObject): JsonObject[] =>
    (json["messages"] as JsonObject[]).filter((message) => message["tool_calls"] === undefined);

  it("writes tool results as messages of their own, in order, and pictures in them behind all of them", () => {
    const { json } = encoded([
      calls("a", "b"),
      {
        role: "user",
        parts: [
          {
            type: "tool-result",
            id: "a",
            content: [
              { type: "text", text: "1" },
              { type: "media", mediaType: "image/png", source: { data: "QQ==" } },
            ],
          },
          { type: "tool-result", id: "b", content: [{ type: "text", text: "2" }] },
          { type: "text", text: "and?" },
        ],
      },
    ]);
    expect(answers(json)).toEqual([
      { role: "tool", tool_call_id: "a", content: "1" },
      { role: "tool", tool_call_id: "b", content: "2" },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } },
          { type: "text", text: "and?" },
        ],
      },
    ]);
  });

  it("keeps tool results of neighbouring messages together", () => {
    const result = (id: string): Message => ({
      role: "user",
      parts: [
        {
          type: "tool-result",
          id,
          content: [{ type: "media", mediaType: "image/png", source: { url: "https://x.example/a" } }],
        },
      ],
    });
    const { json } = encoded([
      calls("a", "b"),
      result("a"),
      result("b"),
      { role: "assistant", parts: [{ type: "text", text: "ok" }] },
    ]);
    expect(answers(json).map((message) => message["role"])).toEqual(["tool", "tool", "user", "assistant"]);
  });

  it("never hands a signature or signed reasoning to an upstream that did not mint it, and says so", () => {
    const seal = { protocol: "anthropic", value: "secret-signature" };
    const { json, losses } = encoded([
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "sealed thought", seal },
          { type: "reasoning", text: "open thought" },
          { type: "tool-call", id: "t", name: "f", input: "{}", seal },
        ],
      },
      { role: "user", parts: [{ type: "tool-result", id: "t", content: [] }] },
    ]);
    expect(JSON.stringify(json)).not.toContain("seal");
    expect(json["messages"]).toEqual([
      {
        role: "assistant",
        content: null,
        reasoning_content: "open thought",
        tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "t", content: "" },
    ]);
    expect(losses).toEqual(["signed reasoning", "the signature of a tool call"]);
  });

  it("names every loss and leaves no empty list of tools behind", () => {
    const { json, losses } = encoded(
      [
        {
          role: "user",
          parts: [
            { type: "opaque", protocol: "other", value: 1 },
            { type: "text", text: "x" },
          ],
        },
      ],
      {
        tools: [{ type: "hosted", protocol: "other", name: "web", value: {} }],
        toolChoice: "auto",
        reasoning: { budget: 5000, visible: false },
      },
    );
    expect(json).toEqual({
      model: "m",
      messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
      reasoning_effort: "medium",
    });
    expect(losses).toHaveLength(4);
  });

  it("leaves out messages of which nothing is left, and no message its client has left empty", () => {
    const opaque: Part = { type: "opaque", protocol: "other", value: 1 };
    const { json, losses } = encoded([
      { role: "assistant", parts: [opaque] },
      { role: "user", parts: [opaque, opaque] },
      { role: "assistant", parts: [] },
      { role: "assistant", parts: [{ type: "text", text: "" }] },
      { role: "user", parts: [{ type: "text", text: "x" }] },
    ]);
    expect(json["messages"]).toEqual([
      { role: "assistant", content: "" },
      { role: "assistant", content: "" },
      { role: "user", content: "x" },
    ]);
    expect(losses).toHaveLength(3);
  });

  it("names a schema that has no name, since this protocol wants one", () => {
    const { json } = encoded([], { format: { type: "json", schema: { type: "object", properties: {} } } });
    expect(json["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "response", schema: { type: "object", properties: {} } },
    });
  });

  it("takes a signature of its own wrapping from a tool call back to whom it belongs", () => {
    const seal = { protocol: "gemini", provider: "gemini-cli", value: "a.b==" };
    const encoder = openaiChat.encoder({ id: "x", model: "m", created: 1, usage: false }, () => {});
    encoder.event({ type: "tool-start", index: 0, id: "t", name: "f" }, () => {});
    encoder.event({ type: "seal", index: 0, seal }, () => {});
    const [choice] = encoder.body()["choices"] as unknown as { message: JsonObject }[];
    const body = textBody(JSON.stringify({ model: "m", messages: [choice!.message] }));
    const [part] = openaiChat.decodeRequest(body, request).messages[0]!.parts;
    expect(part).toEqual({ type: "tool-call", id: "t", name: "f", input: "", seal });
  });

  it("F6 joins the messages of one round of calls and puts what stood between behind the results", () => {
    const text = (role: Message["role"], said: string): Message => ({ role, parts: [{ type: "text", text: said }] });
    const result = (id: string): Message["parts"][number] => ({
      type: "tool-result",
      id,
      content: [{ type: "text", text: `r-${id}` }],
    });
    const { json } = encoded([
      calls("a"),
      text("assistant", "and"),
      calls("b"),
      text("user", "wait"),
      { role: "user", parts: [{ type: "text", text: "here" }, result("b"), result("a"), result("orphan")] },
    ]);
    const call = (id: string): JsonObject => ({ id, type: "function", function: { name: "f", arguments: "{}" } });
    expect(json["messages"]).toEqual([
      { role: "assistant", content: "and", tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "a", content: "r-a" },
      { role: "tool", tool_call_id: "b", content: "r-b" },
      { role: "user", content: "wait" },
      {
        role: "user",
        content: [
          { type: "text", text: "here" },
          { type: "text", text: "r-orphan" },
        ],
      },
    ]);
  });

  it("F6 answers a call nobody answered, since the service refuses it otherwise", () => {
    const { json } = encoded([calls("a"), { role: "user", parts: [{ type: "text", text: "never mind" }] }]);
    expect(answers(json)).toEqual([
      { role: "tool", tool_call_id: "a", content: "No result." },
      { role: "user", content: "never mind" },
    ]);
  });

  it("says in the text that a tool has failed, and that the mark itself is lost", () => {
    const { json, losses } = encoded([
      calls("a", "b"),
      {
        role: "user",
        parts: [
          { type: "tool-result", id: "a", isError: true, content: [{ type: "text", text: "no wind" }] },
          { type: "tool-result", id: "b", isError: true, content: [{ type: "text", text: "Error 7" }] },
        ],
      },
    ]);
    expect(answers(json).map(({ content }) => content)).toEqual(["Error: no wind", "Error 7"]);
    expect(losses).toHaveLength(2);
  });

  it("F12 sends documents of text as text, others as files, and refuses what it cannot show", () => {
    const media = (mediaType: string, source: { url: string } | { data: string }): Message => ({
      role: "user",
      parts: [{ type: "media", mediaType, source }],
    });
    const sent = (message: Message): unknown => (encoded([message]).json["messages"] as JsonObject[])[0]!["content"];
    expect(sent(media("text/plain", { data: "Z3LDvMOf" }))).toEqual([{ type: "text", text: "grüß" }]);
    expect(sent(media("application/pdf", { data: "JVBERi0=" }))).toEqual([
      { type: "file", file: { filename: "document.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
    ]);
    for (const message of [
      media("application/pdf", { url: "https://x.example/a.pdf" }),
      media("video/mp4", { data: "AA==" }),
    ]) {
      expect(() => encoded([message])).toThrow(
        expect.objectContaining({ code: "unsupported_feature", param: "messages" }),
      );
    }
  });

  it("F8 takes four stop sequences of a longer list and declares the others lost", () => {
    const { json, losses } = encoded([], { stop: ["a", "b", "c", "d", "e"] });
    expect(json["stop"]).toEqual(["a", "b", "c", "d"]);
    expect(losses).toHaveLength(1);
  });

  it.each<[GenerateRequest["reasoning"], string | undefined]>([
    [{ effort: "max" }, "max"],
    [{ effort: "xhigh" }, "xhigh"],
    [{ budget: 0 }, "none"],
    [{ budget: 1024 }, "low"],
    [{ budget: 24_576 }, "high"],
    [{ budget: -1 }, "medium"],
    [{ visible: true }, undefined],
  ])("writes the reasoning %j as the effort %s", (reasoning, effort) => {
    expect(encoded([], { reasoning }).json["reasoning_effort"]).toBe(effort);
  });

  it("gives a tool without a schema an empty object, which is the least the service takes", () => {
    const { json } = encoded([], { tools: [{ type: "function", name: "f", schema: {} }] });
    expect(json["tools"]).toEqual([
      { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } },
    ]);
  });

  it("says nothing about tools where there are none", () => {
    const { json } = encoded([], { toolChoice: "auto", parallelToolCalls: false });
    expect(json).toEqual({ model: "m", messages: [] });
  });

  it("asks for JSON in words when nothing else does, as the service wants it", () => {
    const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });
    const first = (text: string): unknown =>
      (encoded([user(text)], { format: { type: "json" } }).json["messages"] as JsonObject[])[0]!["role"];
    expect(first("a list, please")).toBe("system");
    expect(first("a list in JSON, please")).toBe("user");
  });

  it("refuses several answers, and a forced tool that only another protocol has, naming the field", () => {
    const refusal = (more: Partial<GenerateRequest>, param: string): void => {
      expect(() => encoded([], more)).toThrow(expect.objectContaining({ code: "unsupported_feature", param }));
    };
    refusal({ choices: 2 }, "n");
    const web = { type: "hosted", protocol: "other", name: "web", value: {} } as const;
    refusal({ tools: [web], toolChoice: { name: "web" } }, "tool_choice");
    refusal({ meta: { other: { "~needs": { voice: "alto" } } } }, "voice");
  });
});

describe("what OpenAI's service would refuse", () => {
  const said = { role: "user", parts: [{ type: "text", text: "x" }] } as const;

  it("F4 does not go out: a root that is a reference, and a list that does not say what it holds", () => {
    const schema: JsonObject = {
      $ref: "#/$defs/a",
      $defs: { a: { type: "object", properties: { l: { type: "array" } } } },
    };
    const { json } = encoded([said], {
      tools: [{ type: "function", name: "f", schema }],
      format: { type: "json", schema },
    });
    const root = { type: "object", properties: { l: { type: "array", items: {} } } };
    expect(json).toMatchObject({
      tools: [{ function: { parameters: root } }],
      response_format: { json_schema: { schema: root } },
    });
  });

  it.each(["gs://bucket/a.png", "s3://bucket/a.png", "files/abc"])("F12 refuses the address %s by its field", (url) => {
    const part: Part = { type: "media", mediaType: "image/png", source: { url } };
    expect(() => encoded([{ role: "user", parts: [part] }])).toThrow(
      expect.objectContaining({ code: "unsupported_feature", param: "messages" }),
    );
  });
});

describe("what a chat request says to other protocols", () => {
  const lost = (body: JsonObject): string[] => {
    const text = JSON.stringify({ model: "m", messages: [hello], ...body });
    const losses: string[] = [];
    loseAllForeign(openaiChat.decodeRequest(textBody(text), request), "other", ({ where }) => losses.push(where));
    return losses;
  };

  it("does not lose what has no bearing on the answer, nor what asks for nothing", () => {
    expect(
      lost({
        ...{ store: true, metadata: { a: "b" }, service_tier: "flex", prompt_cache_key: "k", safety_identifier: "s" },
        ...{ stream: false, logprobs: false, tools: [], stop: null, response_format: { type: "text" } },
        ...{ modalities: ["text"], audio: { voice: "alloy" }, stream_options: { include_usage: true } },
      }),
    ).toEqual([]);
  });

  it("loses what would change the answer a little", () => {
    expect(lost({ logit_bias: { 1: 5 }, logprobs: true, verbosity: "low" })).toEqual([
      "logit_bias",
      "logprobs",
      "verbosity",
    ]);
  });

  it.each<[string, JsonObject]>([
    ["modalities", { modalities: ["text", "audio"], audio: { voice: "alloy" } }],
    ["functions", { functions: [{ name: "f" }] }],
    ["tool_choice", { tool_choice: { type: "custom", custom: { name: "log" } } }],
  ])("refuses %s, without which another answer would come", (param, body) => {
    expect(() => lost(body)).toThrow(expect.objectContaining({ code: "unsupported_feature", param }));
  });
});
