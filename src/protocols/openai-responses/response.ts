/** The response object around the items: what it repeats of the request, and what its clients expect to find. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { EncoderInit } from "../types.ts";
import { encodeFields } from "./request.ts";
import { protocolId, readMeta, without } from "./values.ts";

type Start = Extract<StreamEvent, { type: "start" }>;

/** As it is when the answer begins. The upstream's own fields, where it speaks this protocol. */
export function beginResponse(start: Start, init: EncoderInit): JsonObject {
  const own = start.meta?.[protocolId] !== undefined;
  const { created_at: created, ...fields } = own ? readMeta(start.meta).rest : repeated(init);
  return {
    id: responseId(start.id, own, init),
    object: "response",
    created_at: created ?? init.created,
    status: "in_progress",
    error: null,
    incomplete_details: null,
    model: init.model,
    output: [],
    usage: null,
    ...fields,
  };
}

/** Clients hand the id back and may look at its beginning; other protocols' ids begin otherwise. */
function responseId(id: string | undefined, own: boolean, init: EncoderInit): string {
  if (id !== undefined && (own || id.startsWith("resp_"))) return id;
  return `resp_${init.id.replace(/\W/g, "")}`;
}

/** The fields of the reference's response object, with the request's values or the API's defaults. */
function repeated(init: EncoderInit): JsonObject {
  const { request } = init;
  const own = request?.meta?.[protocolId] !== undefined;
  const asked = request && own ? encodeFields(request, () => undefined) : {};
  const instructions = request?.messages.find(({ meta }) => readMeta(meta).form["instructions"]);
  const [text] = instructions?.parts ?? [];
  const defaults: { readonly [key: string]: Json } = {
    background: false,
    instructions: text?.type === "text" ? text.text : null,
    max_output_tokens: null,
    max_tool_calls: null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: null,
    prompt_cache_key: null,
    safety_identifier: null,
    service_tier: "default",
    store: false,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_logprobs: 0,
    top_p: 1,
    truncation: "disabled",
    user: null,
  };
  const said = without(
    asked,
    Object.keys(asked).filter((key) => asked[key] === null || notRepeated.includes(key)),
  );
  return {
    ...defaults,
    ...said,
    reasoning: { effort: null, summary: null, ...object(asked["reasoning"]) },
    text: { format: { type: "text" }, ...object(asked["text"]) },
  };
}

/** Not part of the reference's response object. */
const notRepeated = ["include", "stream_options", "context_management"];

function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
