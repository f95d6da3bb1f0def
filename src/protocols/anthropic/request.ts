/** The request codec. Law: encoding what was decoded gives equal JSON. */
import { type Body, jsonBody } from "../../wire/body.ts";
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import { loseAllForeign } from "../meta.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseMany } from "../unsupported.ts";
import { encodeConversation } from "./conversation.ts";
import { decodeMessages, decodeSystem } from "./message-decode.ts";
import { traitsOf } from "./model-traits.ts";
import { decodeOptions, encodeOptions } from "./request-options.ts";
import { isRefused } from "./refused.ts";
import { decodeChoice, decodeTools, encodeTools } from "./request-tools.ts";
import { answerSchema } from "./schema.ts";
import { missesThinking } from "./thinking.ts";
import { defined, isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

/** They steer billing, caching, speed or what is kept, and not what is answered. */
const hintFields = [
  "stream",
  "service_tier",
  "cache_control",
  "metadata",
  "diagnostics",
  "speed",
  "thread",
  "user_profile_id",
];

/** Fields of an unknown type or value stay in `meta` as they are: refusing them is the upstream's business. */
export function decodeRequest(body: Body): GenerateRequest {
  const json = body.json;
  // What is written here is the client's own, right or wrong, and goes back to this protocol unimproved.
  const form: { [key: string]: Json } = { own: true };
  const taken = ["model", "messages"];
  const take = <T>(key: string, value: T | undefined): T | undefined => {
    if (value !== undefined) taken.push(key);
    return value;
  };
  const stream = take("stream", json["stream"] === true ? true : undefined) ?? false;
  const system = take("system", decodeSystem(json["system"]));
  const tools = take("tools", decodeTools(json["tools"]));
  const choice = take("tool_choice", decodeChoice(json["tool_choice"]));
  const { options, kept } = decodeOptions(without(json, taken), form);
  const hints = Object.fromEntries(
    Object.entries(kept).filter(([key, value]) => hintFields.includes(key) || value === null),
  );
  const turns = decodeMessages(json["messages"]);
  return {
    model: isText(json["model"]) ? json["model"] : "",
    stream,
    messages: system?.message ? [system.message, ...turns] : turns,
    ...(tools && { tools }),
    ...(choice?.choice && { toolChoice: choice.choice }),
    ...(choice?.parallel !== undefined && { parallelToolCalls: choice.parallel }),
    ...options,
    ...ownMeta(without(kept, Object.keys(hints)), { ...form, ...system?.form }, hints),
  };
}

/** What the client of this protocol wrote stays as it is, unless the API would refuse it. */
export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  if (readMeta(request.meta).form["own"] !== true) return jsonBody(encode(request, false, lose));
  const losses: Loss[] = [];
  const json = encode(request, true, (loss) => losses.push(loss));
  if (isRefused(json)) return jsonBody(encode(request, false, lose));
  losses.forEach(lose);
  return jsonBody(json);
}

function encode(request: GenerateRequest, own: boolean, lose: Emit<Loss>): JsonObject {
  const { rest, form } = readMeta(request.meta);
  const traits = traitsOf(request.model);
  loseAllForeign(request, protocolId, lose);
  if (!own) refuseMany(request, protocolId);
  const { messages, system } = encodeConversation(request.messages, { form, own }, instructionFor(request), lose);
  const choosing = encodeTools(request, own, traits, lose);
  const forced = ["any", "tool"].includes(String(choosing.tool_choice?.["type"]));
  const conflict = forced
    ? "a forced choice of tools"
    : missesThinking(messages)
      ? "a turn without signed thinking"
      : undefined;
  const { output_config: options, ...fields } = encodeOptions(request, { form, own, traits, conflict }, lose);
  const format = encodeFormat(request, form, own);
  const { output_config: kept, ...others } = rest;
  const config = { ...(isObject(kept) && kept), ...options, ...format.output_config };
  const said = defined({
    model: request.model,
    system,
    messages,
    ...(request.stream && { stream: true }),
    ...choosing,
    ...fields,
    output_format: format.output_format,
    output_config: Object.keys(config).length > 0 ? config : kept,
  });
  return { ...others, ...said };
}

/** The API knows answers by a schema, but no mode for JSON of any kind. */
function instructionFor({ format }: GenerateRequest): string | undefined {
  return format && !format.schema
    ? "Answer with one JSON value and nothing else: no code fence, no remarks."
    : undefined;
}

interface Format {
  readonly output_config?: JsonObject;
  readonly output_format?: JsonObject;
}

/** `output_format` is where the beta of structured outputs had it. */
function encodeFormat({ format }: GenerateRequest, form: JsonObject, own: boolean): Format {
  if (!format?.schema) return {};
  const written = { type: "json_schema", schema: own ? format.schema : answerSchema(format.schema) };
  return form["format"] === "output_format" ? { output_format: written } : { output_config: { format: written } };
}
