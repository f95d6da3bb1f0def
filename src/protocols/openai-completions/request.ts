/** The request codec. Source: OpenAI API reference, "Create completion". */
import { type Body, jsonBody } from "../../wire/body.ts";
import type { GenerateRequest, Json, JsonObject, Part } from "../canonical.ts";
import { defined, isArray, isBlank, isNumber, isText, without } from "../json.ts";
import { loseAllForeign } from "../meta.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseMany, unsupported } from "../unsupported.ts";
import { ownMeta, protocolId, readMeta } from "./values.ts";

const numbers = {
  maxTokens: "max_tokens",
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  seed: "seed",
  presencePenalty: "presence_penalty",
  frequencyPenalty: "frequency_penalty",
  choices: "n",
} as const;
type Name = keyof typeof numbers;
const names = Object.keys(numbers) as Name[];

/** Several prompts, and prompts in tokens, are for this protocol alone. */
export function decodeRequest(body: Body): GenerateRequest {
  const { json } = body;
  const { model, prompt, stop, user, stream } = json;
  const [only] = isArray(prompt) && prompt.length === 1 ? prompt : [prompt];
  const text = typeof only === "string" ? only : undefined;
  const stops =
    typeof stop === "string" ? [stop] : isArray(stop) && stop.every((one) => typeof one === "string") && stop;
  const given = names.filter((name) => isNumber(json[numbers[name]]));
  const taken = ["model", ...given.map((name) => numbers[name])];
  if (text !== undefined) taken.push("prompt");
  if (stream === true) taken.push("stream");
  if (isText(user)) taken.push("user");
  if (stops) taken.push("stop");
  const left = Object.entries(without(json, taken));
  const pick = (wanted: (field: string, value: Json) => boolean): JsonObject =>
    Object.fromEntries(left.filter(([field, value]) => wanted(field, value)));
  const isNeed = (field: string): boolean => field === "prompt";
  const isHint = (field: string, value: Json): boolean =>
    !isNeed(field) && (value === false || isBlank(value) || field === "stream_options" || isDefault(field, value));
  const form = {
    own: true,
    ...(isArray(prompt) && { prompt: "array" }),
    ...(typeof stop === "string" && { stop: "string" }),
  };
  return {
    model: isText(model) ? model : "",
    stream: stream === true,
    messages: text === undefined ? [] : [{ role: "user", parts: [{ type: "text", text }] }],
    ...Object.fromEntries(given.map((name) => [name, json[numbers[name]]])),
    ...(stops && { stop: stops }),
    ...(isText(user) && { user }),
    ...ownMeta(
      pick((field, value) => !isNeed(field) && !isHint(field, value)),
      form,
      pick(isHint),
      pick(isNeed),
    ),
  };
}

function isDefault(field: string, value: Json): boolean {
  return field === "best_of" && value === 1;
}

export function encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body {
  const { rest, form } = readMeta(request.meta);
  const own = form["own"] === true;
  loseAllForeign(request, protocolId, lose);
  const { messages, stop, user, stream, model } = request;
  if (!own) {
    refuseMany(request, protocolId);
    loseOptions(request, lose);
  }
  const text = own && messages.length === 0 ? undefined : promptOf(request, lose);
  const fields = names.map((name) => [numbers[name], request[name]] as const);
  return jsonBody({
    ...(stream ? rest : without(rest, ["stream_options"])),
    ...defined(Object.fromEntries(fields)),
    model,
    ...(text !== undefined && { prompt: form["prompt"] === "array" ? [text] : text }),
    ...(stream && { stream: true }),
    ...(stop && { stop: form["stop"] === "string" && stop.length === 1 && stop[0] !== undefined ? stop[0] : stop }),
    ...(user !== undefined && { user }),
  });
}

function loseOptions({ tools = [], format, reasoning, parallelToolCalls }: GenerateRequest, lose: Emit<Loss>): void {
  if (tools.length > 0) throw unsupported("tools", `${protocolId} knows no tools.`);
  if (format) lose({ what: "that the answer is to be JSON", where: "format" });
  if (reasoning) lose({ what: "how hard to think", where: "reasoning" });
  if (parallelToolCalls !== undefined) lose({ what: "how many tools may be called", where: "parallelToolCalls" });
}

/** A conversation becomes one text, each turn under the name of who speaks; a single text stays what it is. */
function promptOf({ messages }: GenerateRequest, lose: Emit<Loss>): string {
  const [first] = messages;
  if (first && messages.length === 1) return textOf(first.parts, lose);
  lose({ what: "who said what, other than by name in one text", where: "messages" });
  const titles = { system: "System", user: "User", assistant: "Assistant" };
  return [...messages.map(({ role, parts }) => `${titles[role]}: ${textOf(parts, lose)}`), "Assistant:"].join("\n\n");
}

function textOf(parts: readonly Part[], lose: Emit<Loss>): string {
  return parts
    .flatMap((part) => {
      if (part.type === "text") return [part.text];
      if (part.type === "media")
        throw unsupported("messages", `${protocolId} takes text only, and no ${part.mediaType}.`);
      if (part.type === "tool-call" || part.type === "tool-result") {
        throw unsupported("messages", `${protocolId} knows no tool calls.`);
      }
      lose({ what: part.type === "opaque" ? `a block of ${part.protocol}` : part.type, where: "messages" });
      return [];
    })
    .join("");
}
