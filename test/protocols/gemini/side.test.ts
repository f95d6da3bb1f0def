import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import type { EmbedRequest, Loss } from "../../../src/protocols/types.ts";
import { textBody } from "../../../src/wire/body.ts";
import { requestFor } from "./fixtures.ts";

const lose = (): void => undefined;
const body = (json: Json): ReturnType<typeof textBody> => textBody(JSON.stringify(json));
const contents = [{ role: "user", parts: [{ text: "hi" }] }];

describe("counting", () => {
  const counting = gemini.counting!;

  it.each<[string, JsonObject]>([
    ["contents", { contents }],
    [
      "a whole request",
      { generateContentRequest: { model: "models/x", contents, systemInstruction: { parts: [{ text: "S" }] } } },
    ],
    ["snake_case", { generate_content_request: { contents, system_instruction: { parts: [{ text: "S" }] } } }],
  ])("reads %s and asks with a whole request", (_, json) => {
    const request = counting.decodeRequest(body(json), requestFor("team/a:countTokens"));
    expect(request.model).toBe("team/a");
    const { generateContentRequest: sent } = counting.encodeRequest({ ...request, model: "b" }, lose).json as {
      generateContentRequest: JsonObject;
    };
    expect(sent["model"]).toBe("models/b");
    expect(sent["contents"]).toEqual(contents);
    expect(sent["systemInstruction"]).toEqual("contents" in json ? undefined : { parts: [{ text: "S" }] });
  });

  it("reads and writes the answer", () => {
    expect(counting.decodeAnswer({ totalTokens: 7, promptTokensDetails: [] })).toBe(7);
    expect(counting.decodeAnswer({ error: {} })).toBeUndefined();
    expect(counting.encodeAnswer(7)).toEqual({ totalTokens: 7 });
  });
});

describe("embeddings", () => {
  const embedding = gemini.embedding!;
  const decode = (json: Json, verb = "batchEmbedContents"): EmbedRequest =>
    embedding.decodeRequest(body(json), requestFor(`e:${verb}`));
  const content = (...texts: string[]): JsonObject => ({ parts: texts.map((text) => ({ text })) });
  const options = { taskType: "RETRIEVAL_QUERY", title: "T", outputDimensionality: 3 };

  it("reads one text and several", () => {
    expect(decode({ model: "models/e", content: content("a", "b"), ...options }, "embedContent")).toEqual({
      model: "e",
      inputs: ["a\nb"],
      dimensions: 3,
      taskType: "RETRIEVAL_QUERY",
      title: "T",
    });
    const request = { model: "models/e", content: content("a"), task_type: "RETRIEVAL_QUERY" };
    expect(decode({ requests: [request, { ...request, content: content("b") }] })).toEqual({
      model: "e",
      inputs: ["a", "b"],
      taskType: "RETRIEVAL_QUERY",
    });
  });

  it("asks for one text and several, each on its own route", () => {
    const one = embedding.encodeRequest({ model: "e", inputs: ["a"], dimensions: 3 }, lose);
    expect([one.operation, one.body.json]).toEqual([
      "embed",
      { model: "models/e", content: content("a"), outputDimensionality: 3 },
    ]);
    const two = embedding.encodeRequest({ model: "e", inputs: ["a", "b"], taskType: "X" }, lose);
    expect(two.operation).toBe("embed-batch");
    expect(two.body.json).toEqual({
      requests: ["a", "b"].map((text) => ({ model: "models/e", content: content(text), taskType: "X" })),
    });
  });

  it("keeps options that differ from text to text for its own kind, and lets nobody else leave them out", () => {
    const requests: JsonObject[] = [
      { content: content("a"), taskType: "X" },
      { content: content("b"), taskType: "Y", autoTruncate: true },
    ];
    const sent = embedding.encodeRequest(decode({ requests }), lose).body.json;
    expect(sent).toEqual({ requests: requests.map((one) => ({ model: "models/e", ...one })) });
    expect(Object.keys(decode({ requests }).meta?.["gemini"] ?? {})).toContain("~needs");
  });

  it("refuses pictures and tokens", () => {
    expect(() => decode({ content: { parts: [{ inlineData: {} }] } }, "embedContent")).toThrow("only texts");
    expect(() => embedding.encodeRequest({ model: "e", inputs: [[1, 2]] }, lose)).toThrow("'input'");
  });

  it("says what other protocols asked for in vain", () => {
    const losses: Loss[] = [];
    embedding.encodeRequest({ model: "e", inputs: ["a"], meta: { other: { truncate: "END" } } }, (loss) =>
      losses.push(loss),
    );
    expect(losses).toEqual([{ what: "truncate of other", where: "truncate" }]);
  });

  it("reads and writes answers", () => {
    const usageMetadata = { promptTokenCount: 4, totalTokenCount: 4 };
    expect(embedding.decodeAnswer({ embedding: { values: [1, 2] } })).toEqual({ vectors: [[1, 2]] });
    expect(embedding.decodeAnswer({ embeddings: [{ values: [1] }, { values: [] }], usageMetadata })).toMatchObject({
      vectors: [[1], []],
      usage: { input: 4 },
    });
    expect(embedding.decodeAnswer({ embeddings: [{}] })).toBeUndefined();
    expect(embedding.decodeAnswer({})).toBeUndefined();
    const request = { model: "e", inputs: ["a"] };
    expect(embedding.encodeAnswer({ vectors: [[1]] }, request, "embed")).toEqual({ embedding: { values: [1] } });
    expect(embedding.encodeAnswer({ vectors: [[1]], usage: { input: 4 } }, request, "embed-batch")).toEqual({
      embeddings: [{ values: [1] }],
      usageMetadata,
    });
  });
});
