/** The request codec. Law: encoding what was decoded gives equal JSON. */
import { jsonBody, type Body } from "../../wire/body.ts";
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import { loseAllForeign } from "../meta.ts";
import { withPairedCalls } from "../paired-calls.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseMany } from "../unsupported.ts";
import { decodeMessage } from "./message-decode.ts";
import { encodeMessages } from "./message-encode.ts";
import { sortFields } from "./request-fields.ts";
import {
  askForJson,
  decodeEffort,
  decodeFormat,
  decodeStop,
  encodeEffort,
  encodeFormat,
  encodeStop,
} from "./request-options.ts";
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools, webSearch } from "./request-tools.ts";
import { defined, isArray, isNumber, isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

/** Fields of an unknown type or value stay in `meta` as they are: refusing them is the upstream's business. */
export function decodeRequest(body: Body): GenerateRequest {
  const json = body.json;
  const taken = ["model", "messages"];
  // What is written here is the client's own, right or wrong, and goes back to this protocol unimproved.
  const form: { [key: string]: Json } = { own: true };
  const take = <T>(key: string, value: T | undefined): T | undefined => {
    if (value !== undefined) taken.push(key);
    return value;
  };
  const number = (key: string): number | undefined => take(key, isNumber(json[key]) ? json[key] : undefined);
  const flag = (key: string): boolean | undefined => take(key, typeof json[key] === "boolean" ? json[key] : undefined);

  const stream = take("stream", json["stream"] === true ? true : undefined) ?? false;
  if (stream && isObject(json["stream_options"])) form["stream"] = true;
  const newerLimit = number("max_completion_tokens");
  if (newerLimit !== undefined) form["maxTokens"] = "max_completion_tokens";
  const given = {
    maxTokens: newerLimit ?? number("max_tokens"),
    temperature: number("temperature"),
    topP: number("top_p"),
    topK: number("top_k"),
    seed: number("seed"),
    presencePenalty: number("presence_penalty"),
    frequencyPenalty: number("frequency_penalty"),
    choices: number("n"),
    user: take("user", isText(json["user"]) ? json["user"] : undefined),
    parallelToolCalls: flag("parallel_tool_calls"),
    stop: take("stop", decodeStop(json["stop"], form)),
    toolChoice: take("tool_choice", decodeToolChoice(json["tool_choice"])),
    format: take("response_format", decodeFormat(json["response_format"], form)),
  };
  const effort = take("reasoning_effort", decodeEffort(json["reasoning_effort"]));
  const tools = take("tools", decodeTools(json["tools"]));
  const search = take("web_search_options", webSearch(json["web_search_options"]));
  const { rest, hints, needs } = sortFields(without(json, taken));
  return {
    model: isText(json["model"]) ? json["model"] : "",
    stream,
    messages: isArray(json["messages"]) ? json["messages"].map(decodeMessage) : [],
    ...present(given),
    ...((tools || search) && { tools: [...(tools ?? []), ...(search ? [search] : [])] }),
    ...(effort && { reasoning: { effort } }),
    ...ownMeta(rest, form, hints, needs),
  };
}

export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  const { rest, form } = readMeta(request.meta);
  const own = form["own"] === true;
  loseAllForeign(request, protocolId, lose);
  if (!own) refuseMany(request, protocolId);
  const { tools, fields } = encodeTools(request.tools, own, lose);
  const choice = encodeToolChoice(request);
  // Speaking about tools where there are none is refused, and so are options of a stream without one.
  const speaks = own ? request.tools === undefined || tools.length > 0 || fields !== undefined : tools.length > 0;
  const kept = form["stream"] && !request.stream ? without(rest, ["stream_options"]) : rest;
  const messages = encodeMessages(own ? request.messages : withPairedCalls(request.messages), own, lose);
  return jsonBody({
    ...kept,
    model: request.model,
    messages: own ? messages : askForJson(request.format, messages),
    ...(request.stream && { stream: true }),
    ...(tools.length > 0 && { tools }),
    ...fields,
    ...(speaks && choice),
    ...(speaks && defined({ parallel_tool_calls: request.parallelToolCalls })),
    ...options(request, form, lose),
  });
}

function options(request: GenerateRequest, form: JsonObject, lose: Emit<Loss>): JsonObject {
  // The old name is the one every compatible server knows; a provider that wants the new one renames it.
  const limit = form["maxTokens"] === "max_completion_tokens" ? "max_completion_tokens" : "max_tokens";
  return defined({
    [limit]: request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: form["own"] ? request.topK : loseTopK(request.topK, lose),
    seed: request.seed,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    n: form["own"] ? request.choices : undefined,
    user: request.user,
    stop: encodeStop(request.stop, form, lose),
    ...encodeEffort(request.reasoning, lose),
    response_format: request.format && encodeFormat(request.format, form),
  });
}

/** Many compatible servers take it, but OpenAI's API is not alone in refusing it. */
function loseTopK(topK: number | undefined, lose: Emit<Loss>): undefined {
  if (topK !== undefined) lose({ what: "top_k", where: "top_k" });
}

/** The object without what is `undefined`, which no field of a canonical request holds. */
function present<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
