/** The request codec. Law: encoding what was decoded gives equal JSON. */
import { jsonBody, type Body } from "../../wire/body.ts";
import type { GenerateRequest, Json, JsonObject, Message } from "../canonical.ts";
import { loseAllForeign } from "../meta.ts";
import { withPairedCalls } from "../paired-calls.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseMany } from "../unsupported.ts";
import { type Aside, decodeInput } from "./input-decode.ts";
import { type EncodedInput, encodeInput } from "./input-encode.ts";
import { leastTokens } from "./inspect.ts";
import { decodeFormat, decodeReasoning, encodeFormat, encodeReasoning } from "./request-options.ts";
import { decodeToolChoice, encodeToolChoice } from "./request-tools.ts";
import { decodeTools, encodeTools, withAdditional } from "./tool-groups.ts";
import { defined, isArray, isEmpty, isNumber, isObject, isText, ownMeta, protocolId, readMeta } from "./values.ts";

/** Fields that mean nothing to a service that keeps nothing and bills elsewhere. */
const hinted = [
  "store",
  "include",
  "metadata",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "safety_identifier",
  "stream_options",
];
/** State the provider keeps: without it another question is asked. */
const needed = ["previous_response_id", "conversation", "prompt", "background"];

/** Fields of an unknown type or value stay in `meta` as they are: refusing them is the upstream's business. */
export function decodeRequest(body: Body): GenerateRequest {
  const { json } = body;
  const form: { [key: string]: Json } = {};
  const taken = new Set(["model"]);
  const take = <T>(key: string, value: T | undefined): T | undefined => {
    if (value !== undefined) taken.add(key);
    return value;
  };
  const number = (key: string): number | undefined => take(key, isNumber(json[key]) ? json[key] : undefined);
  const flag = (key: string): boolean | undefined => take(key, typeof json[key] === "boolean" ? json[key] : undefined);

  const stream = flag("stream");
  form["stream"] = stream ?? null;
  const messages = decodeMessages(json, form, (key) => taken.add(key));
  const maxTokens = number("max_output_tokens");
  const temperature = number("temperature");
  const topP = number("top_p");
  const user = take("user", isText(json["user"]) ? json["user"] : undefined);
  const parallelToolCalls = flag("parallel_tool_calls");
  const reasoning = take("reasoning", decodeReasoning(json["reasoning"], form));
  const listed = take("tools", decodeTools(json["tools"]));
  const tools = withAdditional(listed, isArray(json["input"]) ? json["input"] : []);
  const toolChoice = take("tool_choice", decodeToolChoice(json["tool_choice"], tools));
  const format = decodeFormat(json["text"], form);
  return {
    model: isText(json["model"]) ? json["model"] : "",
    stream: stream ?? false,
    messages,
    ...(tools.length > 0 && { tools }),
    ...(toolChoice && { toolChoice }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(user !== undefined && { user }),
    ...(reasoning && { reasoning }),
    ...(format && { format }),
    ...metaFor(json, taken, form),
  };
}

/** `form.input` is always there, so that a request of this protocol is known to be one. */
function decodeMessages(json: JsonObject, form: { [key: string]: Json }, take: (key: string) => void): Message[] {
  const { instructions, input } = json;
  const messages: Message[] = [];
  form["input"] = "absent";
  if (isText(instructions)) {
    take("instructions");
    const meta = ownMeta({}, { instructions: true });
    messages.push({ role: "system", parts: [{ type: "text", text: instructions }], ...meta });
  }
  if (typeof input === "string") {
    take("input");
    form["input"] = "text";
    messages.push({ role: "user", parts: [{ type: "text", text: input }], ...ownMeta({}, { easy: true }) });
  } else if (isArray(input)) {
    take("input");
    form["input"] = "items";
    const { messages: said, aside } = decodeInput(input);
    if (aside.length > 0) form["aside"] = aside.map(({ at, item }) => ({ at: at + messages.length, item }));
    messages.push(...said);
  }
  return messages;
}

function metaFor(json: JsonObject, taken: ReadonlySet<string>, form: JsonObject): ReturnType<typeof ownMeta> {
  const rest: { [key: string]: Json } = {};
  const hints: { [key: string]: Json } = {};
  const needs: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(json)) {
    if (taken.has(key)) continue;
    const says = value !== null && value !== false && !isDefault(key, value);
    if (!says || hinted.includes(key)) hints[key] = value;
    else if (needed.includes(key)) needs[key] = value;
    else if (key === "text" && isObject(value)) takeText(value, form, rest, hints);
    else rest[key] = value;
  }
  return ownMeta(rest, form, hints, needs);
}

/** What says no more than leaving it out would. */
function isDefault(key: string, value: Json): boolean {
  if (key === "truncation") return value === "disabled";
  if (key === "tools") return isArray(value) && value.length === 0;
  return key === "reasoning" && isObject(value) && Object.values(value).every((one) => one === null);
}

type Fields = { [key: string]: Json };

/** The format may be canonical; how verbose the text should be is nothing to most, but it was asked for. */
function takeText(text: JsonObject, form: JsonObject, rest: Fields, hints: Fields): void {
  const { format, ...others } = text;
  const left: JsonObject = form["format"] === undefined && format !== undefined ? { ...others, format } : others;
  const plain = Object.keys(others).length === 0 && (!isObject(format) || format["type"] === "text");
  if (form["format"] !== undefined && isEmpty(others)) return;
  if (plain) hints["text"] = left;
  else rest["text"] = left;
}

export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  const { form } = readMeta(request.meta);
  const own = request.meta?.[protocolId] !== undefined;
  const fields = encodeFields(request, lose);
  const { format } = request;
  // JSON mode wants its own name in the input; the instructions do not count.
  const keepSystem = format !== undefined && format.schema === undefined;
  const messages = own ? request.messages : withPairedCalls(request.messages);
  const encoded = encodeInput(messages, { keepSystem, aside: asideOf(form) }, lose);
  const { instructions, items } = own ? encoded : answerable(encoded, keepSystem);
  return jsonBody(
    defined({
      ...fields,
      model: request.model,
      ...(instructions !== undefined && { instructions }),
      ...(form["input"] !== "absent" && { input: textOnly(form, items) ?? items }),
      ...((request.stream || (form["stream"] ?? null) !== null) && { stream: request.stream }),
    }),
  );
}

function asideOf({ aside }: JsonObject): readonly Aside[] {
  return (isArray(aside) ? aside : []).flatMap((one) => {
    const { at, item } = isObject(one) ? one : {};
    return isNumber(at) && item !== undefined ? [{ at, item }] : [];
  });
}

/** The input as the text it was, if it still is no more than that. */
function textOnly(form: JsonObject, items: readonly Json[]): string | undefined {
  const [item] = items;
  const only = form["input"] === "text" && items.length === 1 && isObject(item) ? item : {};
  return only["role"] === "user" && typeof only["content"] === "string" ? only["content"] : undefined;
}

/** OpenAI refuses an empty input, and JSON mode when no message says "json" (its guide to structured outputs). */
function answerable({ instructions, items }: EncodedInput, json: boolean): EncodedInput {
  if (json && !/json/i.test(JSON.stringify(items))) {
    return { instructions, items: [{ role: "developer", content: "Answer with one JSON object." }, ...items] };
  }
  if (items.length > 0) return { instructions, items };
  return { instructions: undefined, items: [{ role: "developer", content: instructions ?? "" }] };
}

/** Everything but who is asked and what is said: also what an answer repeats of its request. */
export function encodeFields(request: GenerateRequest, lose: Emit<Loss>): JsonObject {
  const { rest, form } = readMeta(request.meta);
  const own = request.meta?.[protocolId] !== undefined;
  refuseForeign(request, lose);
  const { maxTokens, temperature, topP, toolChoice, format, user, parallelToolCalls } = request;
  const tools = request.tools && encodeTools(request.tools, lose);
  const toolless = tools?.length === 0 && asideOf(form).length === 0;
  const reasoning = encodeReasoning(request.reasoning, form);
  const text = {
    ...(isObject(rest["text"]) && rest["text"]),
    ...(format && { format: encodeFormat(format, form, own) }),
  };
  const thinks = reasoning !== undefined && reasoning["effort"] !== "none";
  return defined({
    // Nobody will ask for the answer again; what the model thought has to come along in it.
    ...(!own && { store: false, ...(thinks && { include: ["reasoning.encrypted_content"] }) }),
    ...rest,
    ...(tools && tools.length > 0 && { tools }),
    // A choice among tools that could not be written would be refused.
    ...(toolChoice && !toolless && { tool_choice: encodeToolChoice(toolChoice, request) }),
    ...(parallelToolCalls !== undefined && !toolless && { parallel_tool_calls: parallelToolCalls }),
    ...(maxTokens !== undefined && { max_output_tokens: own ? maxTokens : Math.max(leastTokens, maxTokens) }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(user !== undefined && { user }),
    ...(reasoning && { reasoning }),
    ...(!isEmpty(text) && { text }),
  });
}

const homeless: readonly (readonly [keyof GenerateRequest, string])[] = [
  ["stop", "stop sequences"],
  ["seed", "the seed"],
  ["topK", "top_k"],
  ["presencePenalty", "the presence penalty"],
  ["frequencyPenalty", "the frequency penalty"],
];

function refuseForeign(request: GenerateRequest, lose: Emit<Loss>): void {
  refuseMany(request, protocolId);
  loseAllForeign(request, protocolId, lose);
  for (const [key, what] of homeless) {
    const value = request[key];
    if (value !== undefined && !(isArray(value as Json) && (value as readonly Json[]).length === 0)) {
      lose({ what, where: key });
    }
  }
}
