/**
 * Answers of an OpenAI-compatible upstream, as JSON or as a stream, whichever the request asks for. Shapes follow the
 * OpenAI chat completions reference; the variants are those that compatible servers are known to send.
 */
import type { JsonObject } from "../protocols/canonical.ts";
import { type Frame, stream, type StreamOptions } from "./event-stream.ts";
import { type Reply, type ScriptRequest, status, type Step } from "./script.ts";

export interface ScriptToolCall {
  readonly id?: string;
  readonly name: string;
  /** JSON text, or a value; streamed in two fragments. */
  readonly arguments?: string | object;
}

export interface AnswerInit {
  /** A list is streamed chunk by chunk, a text word by word. Default `ok`, or nothing when there are tool calls. */
  readonly text?: string | readonly string[];
  readonly reasoning?: string | readonly string[];
  /** Where reasoning goes: a field of the delta, or a `<think>` block in the text. Default `reasoning_content`. */
  readonly reasoningIn?: "reasoning_content" | "reasoning" | "reasoning_details" | "think";
  readonly tools?: readonly ScriptToolCall[];
  /** `null`: no finish reason ever comes. Default `stop`, or `tool_calls`. */
  readonly finish?: string | null;
  /** The usage object as it goes over the wire. */
  readonly usage?: JsonObject;
  /**
   * Where a stream has its usage. Default `chunk`: an own chunk, if `stream_options.include_usage` asks for it.
   * The others do not ask: in the last chunk with choices, in both, under `x_groq`, nowhere (not in JSON either).
   */
  readonly usageIn?: "chunk" | "choices" | "twice" | "x_groq" | "none";
  /** An error object sent inside the 200: instead of JSON choices, or as the last frame of a stream. */
  readonly error?: object | string;
  readonly id?: string;
  /** Default: the model asked for. */
  readonly model?: string;
  /** Answers in this form whatever was asked. */
  readonly as?: "json" | "sse";
}

const defaultUsage: JsonObject = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const created = 1_700_000_000;

/** A chat completion. */
export function answer(init: AnswerInit = {}, options: StreamOptions = {}): Step {
  return (request) => {
    const asStream = init.as ? init.as === "sse" : request.stream;
    return asStream
      ? stream(answerFrames(init, request), sealed(init, options))
      : status(200, answerBody(init, request));
  };
}

/** The error object inside a 200, alone: as JSON, or as the first and only event. */
export function errorInside(error: object | string): Step {
  return (request) => (request.stream ? stream([{ error }], { noDone: true }) : status(200, { error }));
}

/** One chunk of a chat stream with this delta, for streams written by hand. */
export function chunk(delta: object, more: { readonly finish?: string; readonly usage?: JsonObject } = {}): object {
  const choice = { index: 0, delta, finish_reason: more.finish ?? null };
  const usage = more.usage && { usage: more.usage };
  return {
    id: "chatcmpl-script",
    object: "chat.completion.chunk",
    created,
    model: "script",
    choices: [choice],
    ...usage,
  };
}

/** A model list in the shapes seen in the wild. */
export function models(ids: readonly string[], shape: "openai" | "array" | "strings" | "models" = "openai"): Reply {
  const entries = ids.map((id) => ({ id, object: "model", created, owned_by: "script" }));
  if (shape === "openai") return status(200, { object: "list", data: entries });
  if (shape === "models") return status(200, { models: ids.map((name) => ({ name })) });
  return status(200, shape === "array" ? entries : ids);
}

// A stream that fails inside ends there: no upstream says [DONE] after an error.
function sealed(init: AnswerInit, options: StreamOptions): StreamOptions {
  return init.error === undefined ? options : { noDone: true, ...options };
}

function answerBody(init: AnswerInit, request: ScriptRequest): object {
  if (init.error !== undefined) return { error: init.error };
  const reasoning = whole(init.reasoning);
  const text = whole(textOf(init));
  const field = init.reasoningIn ?? "reasoning_content";
  const content = field === "think" && reasoning ? `<think>\n${reasoning}\n</think>\n\n${text}` : text;
  const message = {
    role: "assistant",
    content: content === "" ? null : content,
    ...(reasoning && field !== "think" ? reasoningPart(field, reasoning) : {}),
    ...(init.tools
      ? { tool_calls: init.tools.map((call, index) => ({ ...opening(call, index), function: named(call) })) }
      : {}),
  };
  const usage = init.usage ?? defaultUsage;
  return {
    id: init.id ?? "chatcmpl-script",
    object: "chat.completion",
    created,
    model: init.model ?? request.model ?? "script",
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(init) }],
    ...(init.usageIn === "none" ? {} : init.usageIn === "x_groq" ? { x_groq: { usage } } : { usage }),
  };
}

function answerFrames(init: AnswerInit, request: ScriptRequest): Frame[] {
  const usage = init.usage ?? defaultUsage;
  const place = init.usageIn ?? "chunk";
  const own = (place === "chunk" && asksForUsage(request)) || place === "twice";
  const base = {
    id: init.id ?? "chatcmpl-script",
    object: "chat.completion.chunk",
    created,
    model: init.model ?? request.model ?? "script",
  };
  const blank = own && place === "chunk" ? { usage: null } : {};
  const frame = (delta: object, finish: string | null = null, more: object = blank): object => ({
    ...base,
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  });
  const frames: Frame[] = [frame({ role: "assistant", content: "" })];
  for (const delta of deltas(init)) frames.push(frame(delta));
  if (init.error !== undefined) return [...frames, { error: init.error }];
  const finish = finishOf(init);
  const beside =
    place === "choices" || place === "twice" ? { usage } : place === "x_groq" ? { x_groq: { usage } } : blank;
  if (finish !== null || beside !== blank) frames.push(frame({}, finish, beside));
  if (own) frames.push({ ...base, choices: [], usage });
  return frames;
}

function* deltas(init: AnswerInit): Generator<object> {
  const field = init.reasoningIn ?? "reasoning_content";
  const reasoning = pieces(init.reasoning);
  if (reasoning.length > 0 && field === "think") {
    for (const content of ["<think>\n", ...reasoning, "\n</think>\n\n"]) yield { content };
  } else for (const text of reasoning) yield reasoningPart(field, text);
  for (const content of pieces(textOf(init))) yield { content };
  for (const [index, call] of (init.tools ?? []).entries()) {
    const { name, arguments: text } = named(call);
    yield { tool_calls: [{ index, ...opening(call, index), function: { name, arguments: "" } }] };
    const half = Math.ceil(text.length / 2);
    for (const fragment of [text.slice(0, half), text.slice(half)]) {
      if (fragment) yield { tool_calls: [{ index, function: { arguments: fragment } }] };
    }
  }
}

function asksForUsage(request: ScriptRequest): boolean {
  const options = request.json["stream_options"];
  return (
    typeof options === "object" && options !== null && "include_usage" in options && options.include_usage === true
  );
}

function opening(call: ScriptToolCall, index: number): { id: string; type: string } {
  return { id: call.id ?? `call_${index}`, type: "function" };
}

function named(call: ScriptToolCall): { name: string; arguments: string } {
  const value = call.arguments ?? "{}";
  return { name: call.name, arguments: typeof value === "string" ? value : JSON.stringify(value) };
}

function reasoningPart(field: string, text: string): object {
  return { [field]: field === "reasoning_details" ? [{ type: "reasoning.text", text }] : text };
}

function textOf(init: AnswerInit): string | readonly string[] {
  return init.text ?? (init.tools || init.error !== undefined ? "" : "ok");
}

function finishOf(init: AnswerInit): string | null {
  return init.finish === undefined ? (init.tools ? "tool_calls" : "stop") : init.finish;
}

function pieces(text: string | readonly string[] | undefined): readonly string[] {
  if (text === undefined || text === "") return [];
  return typeof text === "string" ? text.split(/(?<= )/) : text;
}

function whole(text: string | readonly string[] | undefined): string {
  return pieces(text).join("");
}
