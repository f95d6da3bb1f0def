import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../src/protocols/canonical.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import type { EmbedRequest, Inspection } from "../../../src/protocols/types.ts";
import { textBody } from "../../../src/wire/body.ts";

const request = new Request("http://localhost/v1/embeddings", { method: "POST" });
const codec = openaiChat.embedding!;

function inspected(body: Json): Inspection {
  return openaiChat.inspect(request, textBody(JSON.stringify(body)));
}

function decoded(body: JsonObject): EmbedRequest {
  return codec.decodeRequest(textBody(JSON.stringify(body)), request);
}

function encoded(asked: EmbedRequest): { json: JsonObject; losses: string[] } {
  const losses: string[] = [];
  return { json: codec.encodeRequest(asked, ({ where }) => losses.push(where)).body.json, losses };
}

describe("requests for embeddings", () => {
  it.each<[JsonObject, EmbedRequest["inputs"]]>([
    [{ input: "tide" }, ["tide"]],
    [{ input: ["ebb"] }, ["ebb"]],
    [{ input: ["ebb", "flood"], dimensions: 8, encoding_format: "base64", user: "u" }, ["ebb", "flood"]],
    [{ input: [1, 2, 3], encoding_format: "float" }, [[1, 2, 3]]],
    [{ input: [[1, 2], [3]], truncate: true }, [[1, 2], [3]]],
  ])("%j is read, and written as it was", (fields, inputs) => {
    const body = { model: "m", ...fields };
    expect(inspected(body)).toEqual({ model: "m", stream: false, usage: false });
    expect(decoded(body).inputs).toEqual(inputs);
    expect(encoded(decoded(body))).toEqual({ json: body, losses: [] });
  });

  it.each<[Json, string]>([
    [{ input: "x" }, "model"],
    [{ model: "m" }, "input"],
    [{ model: "m", input: "" }, "input"],
    [{ model: "m", input: [] }, "input"],
    [{ model: "m", input: 7 }, "input"],
    [{ model: "m", input: ["a", {}] }, "input[1]"],
  ])("%j is refused, and the field is named", (body, param) => {
    expect(() => inspected(body)).toThrow(expect.objectContaining({ kind: "invalid_request", param }));
  });

  it("a chat request without messages stays one that lacks them", () => {
    const chat = new Request("http://localhost/v1/chat/completions", { method: "POST" });
    const body = textBody('{"model":"m","input":"x"}');
    expect(() => openaiChat.inspect(chat, body)).toThrow(expect.objectContaining({ param: "messages" }));
  });

  it("go to a path of their own", () => {
    expect(openaiChat.path("m", false, "embed")).toBe("/embeddings");
    expect(openaiChat.routes["POST /v1/embeddings"]).toBe("embed");
  });

  it("declare lost what only other protocols say", () => {
    const { json, losses } = encoded({ model: "m", inputs: ["a"], taskType: "RETRIEVAL_QUERY", title: "t" });
    expect(json).toEqual({ model: "m", input: ["a"] });
    expect(losses).toEqual(["taskType", "title"]);
  });
});

describe("vectors", () => {
  const usage = { prompt_tokens: 3, total_tokens: 3 };
  const vectors = [
    [0.5, -1],
    [2, 0.25],
  ];

  it("come in the order of the inputs, as numbers or as base64", () => {
    const data = [
      { object: "embedding", index: 1, embedding: "AAAAQAAAgD4=" },
      { object: "embedding", index: 0, embedding: [0.5, -1] },
    ];
    expect(codec.decodeAnswer({ object: "list", data, model: "m", usage })).toEqual({
      vectors,
      usage: { input: 3, raw: usage },
    });
  });

  it.each<JsonObject>([{ error: { message: "x" } }, { data: [{}] }, { data: [7] }])("are not found in %j", (body) => {
    expect(codec.decodeAnswer(body)).toBeUndefined();
  });

  it("are written in the encoding that was asked for", () => {
    const answer = { vectors, usage: { input: 3 } };
    const written = (encoding?: "base64"): unknown =>
      codec.encodeAnswer(answer, { model: "m", inputs: ["a", "b"], ...(encoding && { encoding }) }, "embed");
    expect(written()).toEqual({
      object: "list",
      data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
      model: "m",
      usage,
    });
    expect(written("base64")).toMatchObject({ data: [{ embedding: "AAAAPwAAgL8=" }, { embedding: "AAAAQAAAgD4=" }] });
  });
});
