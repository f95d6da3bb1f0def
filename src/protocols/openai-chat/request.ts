/** The request codec. Law: encoding what was decoded gives equal JSON. */
import { jsonBody, type Body } from "../../wire/body.ts";
import type { GenerateRequest, Json } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { decodeMessage } from "./message-decode.ts";
import { encodeMessages } from "./message-encode.ts";
import { decodeEffort, decodeFormat, decodeStop, encodeEffort, encodeFormat, encodeStop } from "./request-options.ts";
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools } from "./request-tools.ts";
import { defined, isArray, isNumber, isObject, isText, ownMeta, readMeta, without } from "./values.ts";

/** Fields of an unknown type or value stay in `meta` as they are: refusing them is the upstream's business. */
export function decodeRequest(body: Body): GenerateRequest {
  const json = body.json;
  const taken = ["model", "messages"];
  const form: { [key: string]: Json } = {};
  const take = <T>(key: string, value: T | undefined): T | undefined => {
    if (value !== undefined) taken.push(key);
    return value;
  };
  const number = (key: string): number | undefined => take(key, isNumber(json[key]) ? json[key] : undefined);

  const stream = take("stream", json["stream"] === true ? true : undefined) ?? false;
  if (stream && isObject(json["stream_options"])) form["stream"] = true;
  const newerLimit = number("max_completion_tokens");
  if (newerLimit !== undefined) form["maxTokens"] = "max_completion_tokens";
  const maxTokens = newerLimit ?? number("max_tokens");
  const temperature = number("temperature");
  const topP = number("top_p");
  const stop = take("stop", decodeStop(json["stop"], form));
  const effort = take("reasoning_effort", decodeEffort(json["reasoning_effort"], form));
  const format = take("response_format", decodeFormat(json["response_format"], form));
  const tools = take("tools", decodeTools(json["tools"]));
  const toolChoice = take("tool_choice", decodeToolChoice(json["tool_choice"]));
  return {
    model: isText(json["model"]) ? json["model"] : "",
    stream,
    messages: isArray(json["messages"]) ? json["messages"].map(decodeMessage) : [],
    ...(tools && { tools }),
    ...(toolChoice && { toolChoice }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(stop && { stop }),
    ...(effort && { reasoning: { effort } }),
    ...(format && { format }),
    ...ownMeta(without(json, taken), form),
  };
}

export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  const { rest, form } = readMeta(request.meta);
  const { temperature, topP, maxTokens, toolChoice, stop, format } = request;
  const tools = request.tools && encodeTools(request.tools, lose);
  const limit = form["maxTokens"] === "max_completion_tokens" ? "max_completion_tokens" : "max_tokens";
  // A choice among tools that could not be written would be refused, and so would options of a stream without one.
  const choice = tools?.length === 0 ? undefined : toolChoice;
  const kept = form["stream"] && !request.stream ? without(rest, ["stream_options"]) : rest;
  return jsonBody(
    defined({
      ...kept,
      model: request.model,
      messages: encodeMessages(request.messages, lose),
      ...(request.stream && { stream: true }),
      ...(tools && tools.length > 0 && { tools }),
      ...(choice !== undefined && { tool_choice: encodeToolChoice(choice) }),
      ...(maxTokens !== undefined && { [limit]: maxTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { top_p: topP }),
      ...(stop && { stop: encodeStop(stop, form) }),
      ...encodeEffort(request.reasoning, form, lose),
      ...(format && { response_format: encodeFormat(format, form) }),
    }),
  );
}
