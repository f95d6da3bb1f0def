/** Limits, sampling, thinking and the form of the answer. */
import { createHash } from "node:crypto";
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import type { ModelTraits } from "./model-traits.ts";
import { decodeReasoning, encodeReasoning, type Thinking } from "./thinking.ts";
import { defined, isArray, isEmpty, isNumber, isObject, isText, readMeta, without } from "./values.ts";

interface Decoded {
  readonly options: Partial<GenerateRequest>;
  /** The fields that are left. */
  readonly kept: JsonObject;
}

/** Notes in `form` what is said in one of several ways. */
export function decodeOptions(json: JsonObject, form: { [key: string]: Json }): Decoded {
  const kept: { [key: string]: Json } = { ...json };
  const take = <T>(key: string, value: T | undefined): T | undefined => {
    if (value !== undefined) delete kept[key];
    return value;
  };
  const number = (key: string): number | undefined => take(key, isNumber(json[key]) ? json[key] : undefined);
  const { stop_sequences: stops, metadata, thinking } = json;
  const given = {
    maxTokens: number("max_tokens"),
    temperature: number("temperature"),
    topP: number("top_p"),
    topK: number("top_k"),
    stop: take("stop_sequences", isArray(stops) && stops.every((one) => typeof one === "string") ? stops : undefined),
    user: isObject(metadata) && isText(metadata["user_id"]) ? metadata["user_id"] : undefined,
  };
  if (given.user !== undefined && isObject(metadata)) keepOthers(kept, "metadata", without(metadata, ["user_id"]));
  const config = isObject(json["output_config"]) ? json["output_config"] : {};
  const reasoning = decodeReasoning(thinking, config["effort"]);
  const known = reasoning?.effort === config["effort"] && config["effort"] !== undefined;
  if (reasoning) {
    form["reasoning"] = { ...(isObject(thinking) && { thinking }), ...(known && { effort: config["effort"]! }) };
    if (isObject(thinking)) delete kept["thinking"];
  }
  const current = decodeFormat(config["format"]);
  const format = current ?? take("output_format", decodeFormat(json["output_format"]));
  if (format && !current) form["format"] = "output_format";
  const said = [...(known ? ["effort"] : []), ...(current ? ["format"] : [])];
  if (said.length > 0) keepOthers(kept, "output_config", without(config, said));
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { options: { ...options, ...(reasoning && { reasoning }), ...(format && { format }) }, kept };
}

function keepOthers(kept: { [key: string]: Json }, key: string, others: JsonObject): void {
  if (isEmpty(others)) delete kept[key];
  else kept[key] = others;
}

/** `undefined` for formats that say more than this form. */
function decodeFormat(value: Json | undefined): GenerateRequest["format"] | undefined {
  if (!isObject(value) || value["type"] !== "json_schema" || !isObject(value["schema"])) return undefined;
  return isEmpty(without(value, ["type", "schema"])) ? { type: "json", schema: value["schema"] } : undefined;
}

export interface OptionsContext {
  readonly form: JsonObject;
  readonly own: boolean;
  readonly traits: ModelTraits;
  /** What thinking by a budget cannot be had together with. */
  readonly conflict: string | undefined;
}

interface Options {
  readonly [key: string]: Json | undefined;
  readonly output_config?: JsonObject;
}

export function encodeOptions(request: GenerateRequest, context: OptionsContext, lose: Emit<Loss>): Options {
  const { form, own, traits, conflict } = context;
  const asked = isVerbatim(request, form) ? verbatim(form) : encodeReasoning(request, traits);
  const { effort, budget } = request.reasoning ?? {};
  if (!own && !asked.thinking && (effort !== undefined || budget !== undefined)) {
    lose({ what: "reasoning, for which max_tokens is too small", where: "reasoning" });
  }
  const bound = asked.thinking?.["type"] === "enabled" && conflict !== undefined;
  if (bound) lose({ what: `reasoning, which cannot be had with ${conflict}`, where: "reasoning" });
  const thinking = bound ? undefined : asked.thinking;
  const thinks = thinking?.["type"] === "enabled" || thinking?.["type"] === "adaptive";
  const user = own || request.user === undefined ? request.user : userId(request.user);
  const { metadata } = readMeta(request.meta).rest;
  return {
    max_tokens: request.maxTokens ?? (own ? undefined : thinks ? traits.maxThinking : traits.maxTokens),
    ...(own ? sampling(request) : fitSampling(request, traits, thinks, lose)),
    stop_sequences: own ? request.stop : encodeStop(request.stop, lose),
    thinking,
    ...(user !== undefined && { metadata: { ...(isObject(metadata) && metadata), user_id: user } }),
    ...(asked.effort && { output_config: { effort: asked.effort } }),
  };
}

/** True when nobody has changed what the client of this protocol asked for, and it fits into the limit. */
function isVerbatim({ reasoning, maxTokens = Infinity }: GenerateRequest, { reasoning: written }: JsonObject): boolean {
  if (!isObject(written) || !reasoning || (reasoning.budget ?? 0) >= maxTokens) return false;
  const read = decodeReasoning(written["thinking"], written["effort"]);
  return JSON.stringify(read) === JSON.stringify(reasoning);
}

function verbatim({ reasoning }: JsonObject): Thinking {
  return isObject(reasoning) ? (reasoning as Thinking) : {};
}

function sampling({ temperature, topP, topK }: GenerateRequest): JsonObject {
  return defined({ temperature, top_p: topP, top_k: topK });
}

/** The API's limits: nothing beside thinking but a high `top_p`, `top_p` not beside `temperature`, temperatures up to 1. */
function fitSampling(request: GenerateRequest, traits: ModelTraits, thinks: boolean, lose: Emit<Loss>): JsonObject {
  const { temperature, topP, topK } = request;
  const fits = traits.sampling && !thinks;
  const keep = (field: string, value: number | undefined, kept: boolean): number | undefined => {
    if (value !== undefined && !kept) lose({ what: field, where: field });
    return kept ? value : undefined;
  };
  if (temperature !== undefined && temperature > 1 && fits) {
    lose({ what: "a temperature above 1", where: "temperature" });
  }
  loseSampling(request, lose);
  return defined({
    temperature: keep(
      "temperature",
      temperature === undefined ? undefined : Math.min(1, temperature),
      fits || temperature === 1,
    ),
    top_p: keep("top_p", topP, traits.sampling && temperature === undefined && (!thinks || (topP ?? 0) >= 0.95)),
    top_k: keep("top_k", topK, fits),
  });
}

function loseSampling(request: GenerateRequest, lose: Emit<Loss>): void {
  if (request.seed !== undefined) lose({ what: "seed", where: "seed" });
  if (request.presencePenalty) lose({ what: "presence_penalty", where: "presence_penalty" });
  if (request.frequencyPenalty) lose({ what: "frequency_penalty", where: "frequency_penalty" });
}

/** The API refuses sequences of white space only. */
function encodeStop(stop: readonly string[] | undefined, lose: Emit<Loss>): readonly string[] | undefined {
  const usable = stop?.filter((one) => one.trim() !== "");
  if (usable?.length !== stop?.length) lose({ what: "a stop sequence of white space", where: "stop" });
  return usable && usable.length > 0 ? usable : undefined;
}

/** Anthropic asks for an opaque id of 256 characters at most, and for no names or addresses of people. */
function userId(user: string): string {
  return user.length > 256 || user.includes("@") ? createHash("sha256").update(user).digest("hex") : user;
}
