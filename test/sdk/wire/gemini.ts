/** Gemini API reference, "Generating content": `generateContent` and `streamGenerateContent`. */
import { status, type Step, stream } from "waygate/testing";
import { counted, type Turn, type WireScript } from "./types.ts";
import { item, items, text, words } from "./parts.ts";

const head = { modelVersion: "wire-gemini", responseId: "x5zfaI7qBeGuvdIPmq6HmAg" };
const thoughtSignature = "CiQBVKhc7sealedbygemini==";

export const gemini: WireScript = {
  base: "/v1beta",
  seal: thoughtSignature,
  says: (turn): Step => {
    return (request) =>
      request.path.includes(":streamGenerateContent")
        ? stream(chunks(turn), { noDone: true, crlf: true })
        : status(200, whole(turn));
  },
  refuses: (code, message, headers) =>
    status(
      code,
      { error: { code, message, status: code === 429 ? "RESOURCE_EXHAUSTED" : "INVALID_ARGUMENT" } },
      headers,
    ),
  toolsOf: (body) =>
    items(body["tools"])
      .flatMap((tool) => items(tool["functionDeclarations"]))
      .map((declared) => ({
        name: text(declared["name"]) ?? "",
        free: false,
        parameters: item(declared["parametersJsonSchema"] ?? declared["parameters"]),
      })),
  resultsOf: (body) =>
    items(body["contents"])
      .flatMap((content) => items(content["parts"]))
      .filter((part) => "functionResponse" in part)
      .map((part) => {
        const given = item(part["functionResponse"]);
        return { id: text(given["id"]), name: text(given["name"]), text: JSON.stringify(given["response"]) };
      }),
};

// Thoughts are counted beside the candidates there.
const usageMetadata = {
  promptTokenCount: counted.input,
  cachedContentTokenCount: counted.cached,
  candidatesTokenCount: counted.output - counted.reasoning,
  thoughtsTokenCount: counted.reasoning,
  totalTokenCount: counted.input + counted.output,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: counted.input }],
};

function callParts(turn: Turn): readonly object[] {
  return (turn.calls ?? []).map(({ id, name, args }, index) => ({
    functionCall: { id, name, args },
    ...(index === 0 && { thoughtSignature }),
  }));
}

function answer(parts: readonly object[], finishReason?: string): object {
  const candidate = { content: { parts, role: "model" }, ...(finishReason && { finishReason }), index: 0 };
  return { candidates: [candidate], usageMetadata, ...head };
}

function whole(turn: Turn): object {
  const thought = turn.reasoning === undefined ? [] : [{ text: turn.reasoning, thought: true }];
  const said = turn.text === undefined ? [] : [{ text: turn.text }];
  return answer([...thought, ...said, ...callParts(turn)], "STOP");
}

function chunks(turn: Turn): object[] {
  const parts = [
    ...words(turn.reasoning).map((word) => ({ text: word, thought: true })),
    ...words(turn.text).map((word) => ({ text: word })),
    ...callParts(turn),
  ];
  return [...parts.map((part) => answer([part])), answer([{ text: "" }], "STOP")];
}
