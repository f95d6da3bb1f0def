/** A request of the Gemini protocol as Antigravity's models take it. */
import { type Attempt, type Body, type GenerateRequest, type Json, jsonBody, type JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { withInstruction } from "waygate/plugins/code-assist";
import { openApiSchema } from "waygate/protocols/gemini";
import { claudeContents, type Content, contentsOf, geminiContents, plainContents } from "./contents.ts";
import { factsOf, type ModelFacts } from "./models.ts";
import { isLevel, thinkingFor } from "./thinking.ts";
import { shapedChoice } from "./tools.ts";

export interface ShapeOptions {
  /** Put before everything that is said to the model. */
  readonly instruction: string | undefined;
  /** Where an answer would be too short for its thinking, the thinking is cut down; else the answer may be longer. */
  readonly clampThinking: boolean;
}

/** Tokens of an answer at most, and where the client has not said. */
const lengths: { readonly [family: string]: { readonly most: number; readonly usual?: number } } = {
  gemini: { most: 65_536 },
  claude: { most: 64_000, usual: 32_000 },
  "gpt-oss": { most: 32_768 },
};

/** What an answer has to have room for besides its thinking. */
const ROOM = 1024;

/** Refused or without effect there. */
const dropped = ["presencePenalty", "frequencyPenalty", "responseJsonSchema", "_responseJsonSchema"];

export function shaped({ json }: Body, model: string, { ctx }: Attempt, options: ShapeOptions): Body {
  const facts = factsOf(model);
  const { request } = ctx;
  const { config, format } = configOf(json["generationConfig"], facts, request, options);
  const contents = contentsOf(json["contents"]);
  const thinking = isObject(config["thinkingConfig"]);
  const { systemInstruction, generationConfig: _, contents: __, model: ___, ...rest } = json;
  const system = typeof systemInstruction === "string" ? { parts: [{ text: systemInstruction }] } : systemInstruction;
  if (facts.image) return jsonBody(pictured(rest, system, contents, config));
  let whole: JsonObject = {
    ...shapedChoice(rest, facts.family),
    ...(isObject(system) && hasWords(system) && { systemInstruction: { role: "user", ...system } }),
    contents: contentsFor(facts, contents, thinking ? thoughtsIn(request) : undefined),
    ...(Object.keys(config).length > 0 && { generationConfig: config }),
  };
  if (format !== undefined) whole = withInstruction(whole, format, "behind");
  if (options.instruction !== undefined) whole = withInstruction(whole, options.instruction, "before");
  return jsonBody(whole);
}

function hasWords({ parts }: JsonObject): boolean {
  return Array.isArray(parts) ? parts.length > 0 : isObject(parts);
}

/** `thoughts` is absent where the model is not to think. */
function contentsFor(
  { family, generation }: ModelFacts,
  contents: readonly Content[],
  thoughts: ReadonlyMap<string, string> | undefined,
): Json {
  if (family === "gemini") return geminiContents(contents, generation);
  return family === "claude" ? claudeContents(contents, thoughts !== undefined, thoughts) : plainContents(contents);
}

/** The words of thoughts by their signatures. */
function thoughtsIn({ messages }: GenerateRequest): ReadonlyMap<string, string> {
  const thoughts = new Map<string, string>();
  for (const { parts } of messages) {
    for (const part of parts) if (part.type === "reasoning" && part.seal) thoughts.set(part.seal.value, part.text);
  }
  return thoughts;
}

interface Config {
  readonly config: JsonObject;
  /** How the answer is to look, for models that are only told in words. */
  readonly format: string | undefined;
}

function configOf(
  raw: Json | undefined,
  facts: ModelFacts,
  request: GenerateRequest,
  { clampThinking }: ShapeOptions,
): Config {
  const given = isObject(raw) ? raw : {};
  const { thinkingConfig: own, maxOutputTokens, responseMimeType, responseSchema, ...others } = given;
  const rest = Object.fromEntries(Object.entries(others).filter(([key]) => !dropped.includes(key)));
  const named = isObject(own) && typeof own["thinkingLevel"] === "string" ? own["thinkingLevel"].toLowerCase() : "";
  const kept = request.reasoning && isLevel(named) && isOwn(request) ? named : undefined;
  const thinkingConfig = thinkingFor(facts, request.reasoning, kept);
  const words = facts.family !== "gemini";
  const schema = request.format?.schema;
  const config: JsonObject = {
    ...(words && thinkingConfig ? withoutChance(rest) : rest),
    ...(responseMimeType !== undefined && !(words && request.format) && { responseMimeType }),
    ...(!words && schema
      ? { responseSchema: openApiSchema(schema, false) }
      : !words && responseSchema !== undefined && { responseSchema }),
    ...lengthAnd(thinkingConfig, maxOutputTokens, facts, clampThinking),
  };
  return { config, format: words ? formatWords(request) : undefined };
}

/** True for a client that speaks Google's own protocol, whose words are kept where they fit. */
function isOwn({ meta }: GenerateRequest): boolean {
  return meta?.["gemini"] !== undefined;
}

/** With thinking Claude takes no other temperature than 1, hardly any `topP` and no `topK`. */
function withoutChance({ temperature: _, topK: __, topP, ...rest }: JsonObject): JsonObject {
  return typeof topP === "number" && topP >= 0.95 && topP <= 1 ? { ...rest, topP } : rest;
}

/** The length of the answer is more than its thinking, and no more than the model can. */
function lengthAnd(
  thinking: JsonObject | undefined,
  asked: Json | undefined,
  { family }: ModelFacts,
  clampThinking: boolean,
): JsonObject {
  const { most, usual } = lengths[family] ?? { most: 65_536 };
  const wanted = typeof asked === "number" ? Math.min(asked, most) : usual;
  const budget = thinking?.["thinkingBudget"];
  const length: JsonObject = wanted === undefined ? {} : { maxOutputTokens: wanted };
  if (!thinking) return length;
  if (family !== "claude" || typeof budget !== "number" || wanted === undefined || wanted > budget) {
    return { ...length, thinkingConfig: thinking };
  }
  if (!clampThinking) return { maxOutputTokens: Math.min(most, budget + ROOM), thinkingConfig: thinking };
  // Less than that is refused: then the answer comes without thinking.
  return wanted - ROOM < 1024 ? length : { ...length, thinkingConfig: { ...thinking, thinkingBudget: wanted - ROOM } };
}

function formatWords({ format }: GenerateRequest): string | undefined {
  if (!format) return undefined;
  const schema = format.schema ? ` It has to match this JSON Schema: ${JSON.stringify(format.schema)}` : "";
  return `Unless you call a function, answer with one JSON value and nothing else: no words before or behind it, no code fence.${schema}`;
}

/** Models that draw take neither tools nor words of a system. */
function pictured(
  rest: JsonObject,
  system: Json | undefined,
  contents: readonly Content[],
  config: JsonObject,
): JsonObject {
  const { tools: _, toolConfig: __, ...others } = rest;
  const { responseModalities, imageConfig, maxOutputTokens: ___, ...more } = config;
  const words = isObject(system) ? (contentsOf([system])[0]?.parts ?? []) : [];
  const [first, ...turns] = geminiContents(contents, 0);
  const parts = Array.isArray(first?.["parts"]) ? (first["parts"] as readonly Json[]) : [];
  return {
    ...others,
    contents: [{ ...first, role: "user", parts: [...words, ...parts] }, ...turns],
    generationConfig: {
      ...more,
      responseModalities: responseModalities ?? ["TEXT", "IMAGE"],
      ...(imageConfig !== undefined && { imageConfig }),
    },
  };
}
