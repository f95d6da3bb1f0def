/** Embeddings. Source: OpenAI API reference, "Create embeddings". */
import { type Body, jsonBody } from "../../wire/body.ts";
import type { Json, JsonObject, Usage } from "../canonical.ts";
import { loseForeign } from "../meta.ts";
import { invalid, missing, wrongType } from "../openai-fields.ts";
import { withModel } from "../retarget-model.ts";
import type { EmbedAnswer, EmbedCodec, EmbedRequest } from "../types.ts";
import { decodeUsage } from "./usage.ts";
import { defined, isArray, isNumber, isObject, isText, ownMeta, readMeta, without } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` for what is neither a text, nor tokens, nor a list of either. */
export function checkInput(input: Json | undefined): void {
  if (input === undefined) throw missing("input");
  if (typeof input === "string") {
    if (input === "") throw invalid("input", "Invalid 'input': the text is empty.");
    return;
  }
  if (!isArray(input)) throw wrongType("input", "a string or an array", input);
  if (input.length === 0) throw invalid("input", "Invalid 'input': the array is empty.");
  if (input.every(isNumber)) return;
  input.forEach((one, index) => {
    if (typeof one !== "string" && !(isArray(one) && one.every(isNumber))) {
      throw wrongType(`input[${index}]`, "a string or an array of tokens", one);
    }
  });
}

function decodeRequest(body: Body): EmbedRequest {
  const { json } = body;
  const { model, input, dimensions, encoding_format: encoding, user } = json;
  checkInput(input);
  const taken = ["model", "input"];
  if (isNumber(dimensions)) taken.push("dimensions");
  if (encoding === "float" || encoding === "base64") taken.push("encoding_format");
  if (isText(user)) taken.push("user");
  return {
    model: isText(model) ? model : "",
    ...decodeInput(input),
    ...(isNumber(dimensions) && { dimensions }),
    ...((encoding === "float" || encoding === "base64") && { encoding }),
    ...(isText(user) && { user }),
    ...ownMeta(without(json, taken), isArray(input) && !input.every(isNumber) ? {} : { input: "single" }),
  };
}

function decodeInput(input: Json | undefined): Pick<EmbedRequest, "inputs"> {
  if (typeof input === "string") return { inputs: [input] };
  if (!isArray(input)) return { inputs: [] };
  if (input.every(isNumber)) return { inputs: [input] };
  return { inputs: input.map((one) => (typeof one === "string" ? one : isArray(one) ? one.filter(isNumber) : "")) };
}

function encodeAnswer(answer: EmbedAnswer, { model, encoding }: EmbedRequest): JsonObject {
  const { input = 0, raw } = answer.usage ?? {};
  const own = raw && decodeUsage(raw) ? raw : { prompt_tokens: input, total_tokens: input };
  return {
    object: "list",
    data: answer.vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encoding === "base64" ? toBase64(vector) : vector,
    })),
    model,
    usage: own,
  };
}

function decodeAnswer(json: JsonObject): EmbedAnswer | undefined {
  const { data, usage } = json;
  if (!isArray(data)) return undefined;
  const placed: { readonly index: number; readonly vector: readonly number[] }[] = [];
  for (const [at, entry] of data.entries()) {
    if (!isObject(entry)) return undefined;
    const { embedding, index } = entry;
    const vector = isText(embedding) ? fromBase64(embedding) : isArray(embedding) ? embedding.filter(isNumber) : [];
    if (vector.length === 0) return undefined;
    placed.push({ index: isNumber(index) ? index : at, vector });
  }
  placed.sort((one, other) => one.index - other.index);
  const counts = readCounts(usage);
  return { vectors: placed.map(({ vector }) => vector), ...(counts && { usage: counts }) };
}

/** Nothing is put out but vectors, so all tokens are input. */
function readCounts(raw: Json | undefined): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const { prompt_tokens: prompt, total_tokens: total } = raw;
  const input = isNumber(prompt) ? prompt : total;
  return isNumber(input) ? { input, raw } : undefined;
}

/** Little-endian 32-bit floats. */
function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, at) => bytes.writeFloatLE(value, at * 4));
  return bytes.toString("base64");
}

function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readFloatLE(at * 4));
}

export const embedding: EmbedCodec = {
  retarget: withModel,
  decodeRequest,
  encodeRequest({ model, inputs, dimensions, encoding, taskType, title, user, meta }, lose) {
    const { rest, form } = readMeta(meta);
    loseForeign(meta, "openai-chat", lose);
    if (taskType !== undefined) lose({ what: "what the vectors are for", where: "taskType" });
    if (title !== undefined) lose({ what: "the title of the text", where: "title" });
    const [first] = inputs;
    const input: Json | undefined = form["input"] === "single" && inputs.length === 1 ? first : inputs;
    const body = jsonBody(defined({ ...rest, model, input, dimensions, encoding_format: encoding, user }));
    return { body, operation: "embed" };
  },
  decodeAnswer,
  encodeAnswer,
};
