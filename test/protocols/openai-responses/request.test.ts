import { describe, expect, it } from "vitest";
import type { GenerateRequest, Json, JsonObject, Message } from "../../../src/protocols/canonical.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/index.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { wrapSeal } from "../../../src/protocols/seal.ts";
import type { Loss } from "../../../src/protocols/types.ts";
import { parsedBody, textBody } from "../../../src/wire/body.ts";

const sent = new Request("http://localhost/v1/responses", { method: "POST" });
const bodyOf = (json: JsonObject) => parsedBody(JSON.stringify(json), json);
const decode = (json: JsonObject): GenerateRequest => openaiResponses.decodeRequest(bodyOf(json), sent);
const inspect = (json: Json) => openaiResponses.inspect(sent, textBody(JSON.stringify(json)));

function encode(request: Partial<GenerateRequest>): { json: JsonObject; losses: Loss[] } {
  const losses: Loss[] = [];
  const whole = { model: "m", stream: false, messages: [], ...request };
  return { json: openaiResponses.encodeRequest(whole, (loss) => losses.push(loss)).json, losses };
}

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });
const system = (text: string): Message => ({ role: "system", parts: [{ type: "text", text }] });
const assistant = (...parts: Message["parts"]): Message => ({ role: "assistant", parts });
const call = (id: string, input = "{}") => ({ type: "tool-call", id, name: "fare", input }) as const;
const result = (id: string, text: string) => ({ type: "tool-result", id, content: [{ type: "text", text }] }) as const;

describe("what cannot be a request is refused in the words of the API", () => {
  it.each([
    ["not an object", [], undefined],
    ["no model", { input: "x" }, "model"],
    ["a model that is no text", { model: 1, input: "x" }, "model"],
    ["a stream flag that is none", { model: "m", input: "x", stream: "yes" }, "stream"],
    ["nothing to answer", { model: "m" }, "input"],
    ["an empty list", { model: "m", input: [] }, "input"],
    ["an input of another type", { model: "m", input: 5 }, "input"],
    ["an item that is no object", { model: "m", input: ["x"] }, "input[0]"],
    ["a message without a role", { model: "m", input: [{ content: "x" }] }, "input[0].role"],
    ["a message without content", { model: "m", input: [{ role: "user" }] }, "input[0].content"],
    ["content of another type", { model: "m", input: [{ role: "user", content: {} }] }, "input[0].content"],
    ["tools that are no list", { model: "m", input: "x", tools: {} }, "tools"],
    ["a tool that is no object", { model: "m", input: "x", tools: ["t"] }, "tools[0]"],
    ["a limit that is no number", { model: "m", input: "x", max_output_tokens: "9" }, "max_output_tokens"],
    ["instructions that are no text", { model: "m", input: "x", instructions: [] }, "instructions"],
    ["a previous answer that is no id", { model: "m", input: "x", previous_response_id: 1 }, "previous_response_id"],
    [
      "two conversations",
      { model: "m", input: "x", previous_response_id: "resp_1", conversation: "conv_1" },
      "previous_response_id",
    ],
  ])("%s", (_title, json, param) => {
    expect(() => inspect(json as Json)).toThrow(expect.objectContaining({ kind: "invalid_request", param }));
  });

  it("takes values and fields of the future", () => {
    const json: JsonObject = {
      model: "m",
      input: [{ type: "new_item" }, { role: "critic", content: "x" }],
      newer: [1],
    };
    expect(inspect(json)).toEqual({ model: "m", stream: false, usage: true, keeps: true });
  });

  it("says which answer is continued, and needs no input then", () => {
    expect(inspect({ model: "m", stream: true, previous_response_id: "resp_9" })).toEqual({
      model: "m",
      stream: true,
      usage: true,
      continues: "resp_9",
      keeps: true,
    });
  });
});

describe("the same request under another model's name", () => {
  it("changes nothing else", () => {
    const body = textBody('{ "input":"x",  "model" : "a/b", "n":12345678901234567890 }');
    expect(openaiResponses.retarget(body, "b", {}).text).toBe(
      '{ "input":"x",  "model" : "b", "n":12345678901234567890 }',
    );
  });

  it("raises a limit below the least the API accepts", () => {
    const body = textBody('{"model":"a","input":"x","max_output_tokens":5}');
    expect(openaiResponses.retarget(body, "b", {}).text).toBe('{"model":"b","input":"x","max_output_tokens":16}');
  });
});

describe("a request of another protocol", () => {
  it("F7 makes leading system messages the instructions and leaves later ones where they are", () => {
    const { json } = encode({ messages: [system("One."), system("Two."), user("Q"), system("Late."), user("R")] });
    expect(json["instructions"]).toBe("One.\n\nTwo.");
    expect(json["input"]).toEqual([
      { role: "user", content: "Q" },
      { role: "system", content: "Late." },
      { role: "user", content: "R" },
    ]);
  });

  it("F7 keeps system messages in the input when there is nothing else, or when JSON mode looks for its name there", () => {
    expect(encode({ messages: [system("Only.")] }).json).toMatchObject({
      input: [{ role: "system", content: "Only." }],
    });
    const { json } = encode({ messages: [system("Answer in JSON."), user("Q")], format: { type: "json" } });
    expect(json["instructions"]).toBeUndefined();
    expect(json["input"]).toEqual([
      { role: "system", content: "Answer in JSON." },
      { role: "user", content: "Q" },
    ]);
    expect(json["text"]).toEqual({ format: { type: "json_object" } });
  });

  it("is not stored, and asks for sealed reasoning and for summaries where reasoning is wanted", () => {
    expect(encode({ messages: [user("Q")] }).json).toEqual({
      model: "m",
      store: false,
      input: [{ role: "user", content: "Q" }],
    });
    const thinking = encode({ messages: [user("Q")], reasoning: { budget: 8192, visible: true } }).json;
    expect(thinking).toMatchObject({
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "medium", summary: "auto" },
    });
    expect(encode({ messages: [user("Q")], reasoning: { effort: "none", visible: true } }).json).toMatchObject({
      reasoning: { effort: "none" },
    });
    expect(encode({ messages: [user("Q")], reasoning: { budget: -1, visible: true } }).json["reasoning"]).toEqual({
      summary: "auto",
    });
  });

  it("asks for no summary where nobody said that reasoning is to be seen", () => {
    expect(encode({ messages: [user("Q")], reasoning: { effort: "high" } }).json["reasoning"]).toEqual({
      effort: "high",
    });
    expect(encode({ messages: [user("Q")], reasoning: { budget: 2000 } }).json["reasoning"]).toEqual({
      effort: "medium",
      summary: "auto",
    });
  });

  it("F6 gives each call its result, pictures included, and hands over the words of a tool that failed", () => {
    const picture = { type: "media", mediaType: "image/png", source: { data: "iVBO" } } as const;
    const shown = { type: "tool-result", id: "c1", content: [{ type: "text", text: "see" }, picture] } as const;
    const { json, losses } = encode({
      messages: [
        user("go"),
        assistant({ type: "text", text: "Looking." }, call("c1"), call("c2", ""), call("c3")),
        {
          role: "user",
          parts: [{ ...result("c2", "no such zone"), isError: true }, shown, { type: "text", text: "So?" }],
        },
      ],
    });
    expect(losses).toEqual([]);
    expect(json["input"]).toEqual([
      { role: "user", content: "go" },
      { role: "assistant", content: "Looking." },
      { type: "function_call", call_id: "c1", name: "fare", arguments: "{}" },
      { type: "function_call", call_id: "c2", name: "fare", arguments: "{}" },
      { type: "function_call", call_id: "c3", name: "fare", arguments: "{}" },
      {
        type: "function_call_output",
        call_id: "c1",
        output: [
          { type: "input_text", text: "see" },
          { type: "input_image", detail: "auto", image_url: "data:image/png;base64,iVBO" },
        ],
      },
      { type: "function_call_output", call_id: "c2", output: "Error: no such zone" },
      { type: "function_call_output", call_id: "c3", output: "No result." },
      { role: "user", content: "So?" },
    ]);
  });

  it("F4 leaves schemas as they are: not strict unless asked, and an object at the root", () => {
    const schema = { type: "object", properties: { a: { const: 1, $ref: "#/x" } } };
    const { json } = encode({
      messages: [user("Q")],
      tools: [
        { type: "function", name: "a", schema },
        { type: "function", name: "b", schema: {}, strict: true },
      ],
      toolChoice: { names: ["a"], required: true },
      parallelToolCalls: false,
    });
    expect(json).toMatchObject({
      tools: [
        { type: "function", name: "a", parameters: schema, strict: false },
        { type: "function", name: "b", parameters: { type: "object", properties: {} }, strict: true },
      ],
      tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "a" }] },
      parallel_tool_calls: false,
    });
  });

  it("F8 has the limit, the format and the least limit the API accepts", () => {
    const format = { type: "json", name: "a price!", schema: { type: "object" } } as const;
    expect(encode({ messages: [user("Q")], maxTokens: 5, format }).json).toMatchObject({
      max_output_tokens: 16,
      text: { format: { type: "json_schema", name: "a_price_", schema: { type: "object" } } },
    });
    expect(encode({ messages: [user("Q")], maxTokens: 500 }).json["max_output_tokens"]).toBe(500);
  });

  it("F12 sends pictures and documents by address, as data and by id", () => {
    const media = (mediaType: string, source: { url: string } | { data: string } | { fileId: string }) =>
      ({ type: "media", mediaType, source }) as const;
    const parts = [
      media("image/*", { url: "https://pics.test/a.png" }),
      media("image/png", { data: "iVBO" }),
      media("image/*", { fileId: "file_1" }),
      media("application/pdf", { data: "JVBE" }),
      media("application/pdf", { url: "https://docs.test/a.pdf" }),
      media("*/*", { fileId: "file_2" }),
      media("text/plain", { data: Buffer.from("Grüße").toString("base64") }),
    ];
    const { json, losses } = encode({ messages: [{ role: "user", parts }] });
    expect(losses).toEqual([]);
    expect(json["input"]).toEqual([
      {
        role: "user",
        content: [
          { type: "input_image", detail: "auto", image_url: "https://pics.test/a.png" },
          { type: "input_image", detail: "auto", image_url: "data:image/png;base64,iVBO" },
          { type: "input_image", detail: "auto", file_id: "file_1" },
          { type: "input_file", filename: "document.pdf", file_data: "data:application/pdf;base64,JVBE" },
          { type: "input_file", file_url: "https://docs.test/a.pdf" },
          { type: "input_file", file_id: "file_2" },
          { type: "input_text", text: "Grüße" },
        ],
      },
    ]);
  });

  it("is refused where sound or several answers are asked for", () => {
    const sound = { type: "media", mediaType: "audio/wav", source: { data: "UklG" } } as const;
    const refused = expect.objectContaining({ kind: "invalid_request", code: "unsupported_feature" });
    expect(() => encode({ messages: [{ role: "user", parts: [sound] }] })).toThrow(refused);
    expect(() => encode({ messages: [user("Q")], choices: 2 })).toThrow(refused);
  });

  it("names what has no place", () => {
    const { losses } = encode({
      messages: [user("Q"), assistant({ type: "opaque", protocol: "anthropic", value: {} })],
      stop: ["END"],
      seed: 1,
      topK: 4,
      presencePenalty: 0.1,
      frequencyPenalty: 0.1,
      tools: [{ type: "hosted", protocol: "anthropic", name: "search", value: {} }],
      toolChoice: "required",
    });
    expect(losses.map(({ where }) => where).sort()).toEqual([
      "assistant message",
      "frequencyPenalty",
      "presencePenalty",
      "seed",
      "stop",
      "tools",
      "topK",
    ]);
  });

  it("F1 hands sealed reasoning back as the item it was, and drops reasoning without a seal", () => {
    const seal = { protocol: "openai-responses", provider: "up", value: "gAAAA=" };
    const { json, losses } = encode({
      messages: [
        user("Q"),
        assistant({ type: "reasoning", text: "One." }, { type: "reasoning", text: "Two.", seal }, call("c1")),
        { role: "user", parts: [result("c1", "2")] },
        assistant({ type: "reasoning", text: "Nobody's." }, { type: "text", text: "A" }),
        assistant({ type: "reasoning", text: "", seal: { ...seal, redacted: true } }, { type: "text", text: "B" }),
      ],
    });
    expect(json["input"]).toEqual([
      { role: "user", content: "Q" },
      {
        type: "reasoning",
        summary: [
          { type: "summary_text", text: "One." },
          { type: "summary_text", text: "Two." },
        ],
        encrypted_content: "gAAAA=",
      },
      { type: "function_call", call_id: "c1", name: "fare", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "2" },
      { role: "assistant", content: "A" },
      { type: "reasoning", summary: [], encrypted_content: "gAAAA=" },
      { role: "assistant", content: "B" },
    ]);
    expect(losses).toEqual([{ what: "reasoning without a signature of this provider", where: "assistant message" }]);
  });
});

describe("what the API would refuse", () => {
  it("does not go out: JSON mode without the word in the input", () => {
    const { json } = encode({ messages: [user("List them.")], format: { type: "json" } });
    expect(json["input"]).toEqual([
      { role: "developer", content: "Answer with one JSON object." },
      { role: "user", content: "List them." },
    ]);
    const named = encode({ messages: [user("As JSON, please.")], format: { type: "json" } });
    expect(named.json["input"]).toEqual([{ role: "user", content: "As JSON, please." }]);
  });

  it("does not go out: an input of nothing", () => {
    const only = encode({ messages: [{ role: "assistant", parts: [{ type: "reasoning", text: "hm" }] }] });
    expect(only.json["input"]).toEqual([{ role: "developer", content: "" }]);
    const instructed = encode({
      messages: [system("Be kind."), { role: "assistant", parts: [{ type: "reasoning", text: "hm" }] }],
    });
    expect(instructed.json).toMatchObject({ input: [{ role: "developer", content: "Be kind." }] });
    expect(instructed.json).not.toHaveProperty("instructions");
  });

  it("F4 does not go out: a root that is a reference, and a list that does not say what it holds", () => {
    const schema: JsonObject = {
      $ref: "#/$defs/a",
      $defs: { a: { type: "object", properties: { l: { type: "array" } } } },
    };
    const { json } = encode({
      messages: [user("x")],
      tools: [{ type: "function", name: "f", schema }],
      format: { type: "json", schema },
    });
    const root = { type: "object", properties: { l: { type: "array", items: {} } } };
    expect(json).toMatchObject({ tools: [{ parameters: root }], text: { format: { schema: root } } });
  });

  it("F12 is refused by its field: a file at an address of another cloud", () => {
    const part = { type: "media", mediaType: "application/pdf", source: { url: "gs://bucket/a.pdf" } } as const;
    expect(() => encode({ messages: [{ role: "user", parts: [part] }] })).toThrow(
      expect.objectContaining({ code: "unsupported_feature", param: "messages" }),
    );
  });
});

describe("a request for another protocol", () => {
  it("puts what the model did in one turn into one message, and the results into one", () => {
    const { messages } = decode({
      model: "m",
      input: [
        { role: "user", content: "go" },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gAAAA" },
        { type: "function_call", call_id: "c1", name: "fare", arguments: "{}" },
        { role: "assistant", content: "Also:" },
        { type: "function_call", call_id: "c2", name: "fare", arguments: "{}" },
        { type: "function_call_output", call_id: "c1", output: "1" },
        { type: "function_call_output", call_id: "c2", output: "2" },
        { role: "assistant", content: "A" },
        { role: "assistant", content: "B" },
      ],
    });
    expect(messages.map(({ role, parts }) => [role, parts.map(({ type }) => type).join(" ")])).toEqual([
      ["user", "text"],
      ["assistant", "reasoning tool-call text tool-call"],
      ["user", "tool-result tool-result"],
      ["assistant", "text"],
      ["assistant", "text"],
    ]);
    expect(messages[1]?.parts[0]).toMatchObject({ seal: { protocol: "openai-responses", value: "gAAAA" } });
  });

  it("F2 gives seals of other protocols back to what they sign", () => {
    const gemini = (value: string) => wrapSeal({ protocol: "gemini", provider: "g", value });
    const { messages } = decode({
      model: "m",
      input: [
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: gemini("~next.c2ln") },
        { type: "function_call", call_id: "c1", name: "fare", arguments: "{}" },
        { role: "assistant", content: "A" },
        { type: "reasoning", summary: [], encrypted_content: gemini("~last.dHh0") },
      ],
    });
    const seal = { protocol: "gemini", provider: "g" };
    expect(messages).toMatchObject([
      {
        role: "assistant",
        parts: [
          { type: "tool-call", id: "c1", seal: { ...seal, value: "c2ln" } },
          { type: "text", text: "A", seal: { ...seal, value: "dHh0" } },
        ],
      },
    ]);
  });

  it("makes a tool for free text a function of one text", () => {
    const request = decode({
      model: "m",
      input: [
        { type: "custom_tool_call", call_id: "c1", name: "patch", input: 'say "x"' },
        { type: "custom_tool_call_output", call_id: "c1", output: "done" },
      ],
      tools: [{ type: "custom", name: "patch", description: "Edit.", format: { type: "text" } }],
      tool_choice: { type: "custom", name: "patch" },
    });
    expect(request).toMatchObject({
      tools: [{ type: "function", name: "patch", schema: { required: ["input"] } }],
      toolChoice: { name: "patch" },
      messages: [
        { role: "assistant", parts: [{ type: "tool-call", name: "patch", input: '{"input":"say \\"x\\""}' }] },
        { role: "user", parts: [{ type: "tool-result", id: "c1", content: [{ text: "done" }] }] },
      ],
    });
  });

  it("declares tools of namespaces and of the input by one name each, and says nothing of where they stood", () => {
    const tool = (name: string, description = "d"): JsonObject => ({ type: "function", name, description });
    const request = decode({
      model: "m",
      input: [
        {
          type: "additional_tools",
          role: "developer",
          tools: [
            {
              type: "namespace",
              name: "functions",
              description: "",
              tools: [{ type: "custom", name: "run" }, tool("wait")],
            },
            { type: "namespace", name: "clock", description: "", tools: [{ ...tool("sleep"), defer_loading: true }] },
          ],
        },
        { role: "user", content: "x" },
        { type: "function_call", call_id: "c1", namespace: "clock", name: "sleep", arguments: "{}" },
        { type: "function_call_output", call_id: "c1", output: "y" },
        { type: "additional_tools", role: "developer", tools: [tool("wait", "newer"), tool("fare", "later")] },
      ],
      tools: [
        tool("fare", "listed"),
        { type: "namespace", name: "mcp__map__", description: "", tools: [tool("route")] },
      ],
      tool_choice: { type: "function", name: "sleep" },
    });
    const names = ["fare", "mcp__map__route", "run", "wait", "clock__sleep"];
    expect(request.tools?.map(({ name }) => name)).toEqual(names);
    expect(request.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    const losses: Loss[] = [];
    const { json } = openaiChat.encodeRequest(request, (loss) => losses.push(loss));
    expect(losses).toEqual([]);
    expect(json).toMatchObject({
      messages: [{ role: "user" }, { tool_calls: [{ function: { name: "clock__sleep" } }] }, { role: "tool" }],
      tools: [
        { function: { name: "fare", description: "listed" } },
        { function: { name: "mcp__map__route" } },
        { function: { name: "run", parameters: { required: ["input"] } } },
        { function: { name: "wait", description: "newer" } },
        { function: { name: "clock__sleep" } },
      ],
      tool_choice: { function: { name: "clock__sleep" } },
    });
  });

  it("names the description of a namespace as a loss once", () => {
    const members = ["a", "b"].map((name) => ({ type: "function", name }));
    const request = decode({
      model: "m",
      input: "x",
      tools: [{ type: "namespace", name: "crm", description: "Customers.", tools: members }],
    });
    const losses: Loss[] = [];
    openaiChat.encodeRequest(request, (loss) => losses.push(loss));
    expect(losses.map(({ what }) => what)).toEqual(["the description of a namespace of openai-responses"]);
  });

  it("is not sent where an answer the provider keeps is continued", () => {
    const asked = decode({ model: "m", input: "x", previous_response_id: "resp_1" });
    expect(() => openaiChat.encodeRequest(asked, () => undefined)).toThrow(
      expect.objectContaining({ code: "unsupported_feature", param: "previous_response_id" }),
    );
  });

  it("names no loss for what means nothing elsewhere, and one for what does", () => {
    const losses: string[] = [];
    const asked = decode({
      model: "m",
      input: "x",
      store: true,
      metadata: { a: "b" },
      include: [],
      truncation: "disabled",
      text: { format: { type: "text" } },
      background: false,
      max_tool_calls: 3,
    });
    openaiChat.encodeRequest(asked, ({ where }) => losses.push(where));
    expect(losses).toEqual(["max_tool_calls"]);
  });
});
