/** The request codec. Law: encoding what was decoded gives equal JSON. */
import { jsonBody, type Body } from "../../wire/body.ts";
import type { GenerateRequest, Json, JsonObject, Message } from "../canonical.ts";
import { loseAllForeign } from "../meta.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseMany } from "../unsupported.ts";
import { decodeConfig, encodeConfig, isHint, isNeed } from "./config.ts";
import { decodeContents, decodeSystem } from "./content-decode.ts";
import { encodeMessages } from "./content-encode.ts";
import { takesToolsWithFormat } from "./model.ts";
import { camelCasedObject, maySnake } from "./spelling.ts";
import { targetOf } from "./target.ts";
import { decodeToolConfig, decodeTools, encodeToolConfig, encodeTools } from "./tools.ts";
import { defined, isArray, isEmpty, isObject, listOf, ownMeta, protocolId, readMeta } from "./values.ts";

/** Fields beside the contents that steer storing, billing or the like. */
const hintFields: ReadonlySet<string> = new Set(["model", "labels", "store", "serviceTier"]);

/** Fields of an unknown type or value stay in `meta` as they are: refusing them is the upstream's business. */
export function decodeRequest(body: Body, request: Request): GenerateRequest {
  const { model, verb } = targetOf(request.url);
  const json = maySnake(body.text) ? camelCasedObject(body.json) : body.json;
  return decodeJson(json, model, verb === "streamGenerateContent");
}

export function decodeJson(json: JsonObject, model: string, stream: boolean): GenerateRequest {
  const { contents, systemInstruction, tools, toolConfig, generationConfig, ...others } = json;
  const form: { [key: string]: Json } = { own: true };
  const rest: { [key: string]: Json } = {};
  const hints: { [key: string]: Json } = {};
  const needs: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(others)) {
    if (key === "cachedContent") needs[key] = value;
    else if (hintFields.has(key)) hints[key] = value;
    else rest[key] = value;
  }
  if (!isArray(contents)) form["contents"] = "single";
  const system = decodeSystem(systemInstruction);
  if (!system && systemInstruction !== undefined) rest["systemInstruction"] = systemInstruction;
  const config = isObject(generationConfig) ? decodeConfig(generationConfig) : undefined;
  if (config) Object.assign(form, config.form);
  for (const [key, value] of Object.entries(config?.rest ?? {})) {
    const place = isNeed(key, value) ? needs : isHint(key, value) ? hints : rest;
    place[configPrefix + key] = value;
  }
  if (isObject(generationConfig) && isEmpty(generationConfig)) form["generationConfig"] = "empty";
  const listed = decodeTools(tools);
  if (tools !== undefined) form["tools"] = tools;
  const choosing = isObject(toolConfig) ? decodeToolConfig(toolConfig) : undefined;
  if (isObject(toolConfig)) form["toolConfig"] = toolConfig;
  if (choosing && !isEmpty(choosing.rest)) hints["toolConfig"] = choosing.rest;
  return {
    model,
    stream,
    messages: [...(system ? [system] : []), ...decodeContents(listOf(contents))],
    ...(listed.length > 0 && { tools: listed }),
    ...(choosing?.choice && { toolChoice: choosing.choice }),
    ...config?.fields,
    ...ownMeta(rest, form, hints, needs),
  };
}

const configPrefix = "generationConfig.";

export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  return jsonBody(encodeJson(request, lose));
}

export function encodeJson(asked: GenerateRequest, lose: Emit<Loss>): JsonObject {
  const { rest: kept, form } = readMeta(asked.meta);
  const own = form["own"] === true;
  loseAllForeign(asked, protocolId, lose);
  if (!own) refuseMany(asked, protocolId);
  if (!own && asked.parallelToolCalls === false && asked.tools) {
    lose({ what: "the limit of one tool call at a time", where: "parallel_tool_calls" });
  }
  const request = own ? asked : withoutClash(asked, lose);
  const { toolConfig, ...fields } = kept;
  const configFields: [string, Json][] = [];
  const rest: [string, Json][] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (key.startsWith(configPrefix)) configFields.push([key.slice(configPrefix.length), value]);
    else rest.push([key, value]);
  }
  const config = encodeConfig(request, { kept: Object.fromEntries(configFields), form, own, lose });
  const { contents, systemInstruction } = encodeMessages(request, own, lose);
  const [only] = contents;
  return defined({
    ...Object.fromEntries(rest),
    systemInstruction: systemInstruction ?? Object.fromEntries(rest)["systemInstruction"],
    contents: form["contents"] === "single" && contents.length === 1 ? only : contents,
    tools: encodeTools(request, form["tools"], lose),
    toolConfig: encodeToolConfig(request, form["toolConfig"], toolConfig),
    generationConfig: isEmpty(config) && form["generationConfig"] !== "empty" ? undefined : config,
  });
}

/**
 * Up to generation 2.5 the service refuses functions together with a JSON answer: then the format is asked for in
 * words (Gemini API docs, "Structured outputs").
 */
function withoutClash(request: GenerateRequest, lose: Emit<Loss>): GenerateRequest {
  const { format, tools = [], model } = request;
  const calls = tools.some(({ type }) => type === "function");
  if (!format || !calls || takesToolsWithFormat(model)) return request;
  lose({ what: "the format of the answer, which is only asked for in words", where: "response_format" });
  const schema = format.schema ? ` that matches this JSON Schema: ${JSON.stringify(format.schema)}` : "";
  const text = `When you answer without calling a function, answer with nothing but JSON${schema}.`;
  const said: Message = { role: "system", parts: [{ type: "text", text }] };
  const { format: _, ...others } = request;
  const first = request.messages.findIndex(({ role }) => role !== "system");
  const at = first === -1 ? request.messages.length : first;
  return { ...others, messages: [...request.messages.slice(0, at), said, ...request.messages.slice(at)] };
}
