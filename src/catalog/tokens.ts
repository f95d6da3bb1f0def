/**
 * How many tokens a request is. Exact for the text of OpenAI's models. Everybody else keeps a tokenizer of their own or
 * publishes none, so their requests are counted with OpenAI's newest: for Claude and Gemini expect a fifth too few or
 * too many. Vocabularies are megabytes and are loaded when the first request needs one.
 */
import { setImmediate } from "node:timers/promises";
import { ProxyError } from "../failure/error.ts";
import type { GenerateRequest, Json, Message, Part, Tool } from "../protocols/canonical.ts";

/** What frames one message, and what begins the answer (OpenAI cookbook, counting tokens for chat completions). */
const PER_MESSAGE = 4;
const PER_ANSWER = 3;

/** A square image of 1024 pixels in high detail (OpenAI vision guide); its size is not known without decoding it. */
const PER_MEDIA = 765;

/** Characters in one piece: merging is quadratic in the length of a run without a word boundary. */
const PIECE = 512;

/** Characters between two looks at what else the process has to do. */
const BREATH = 16 * 1024;

type Count = (text: string) => number;

export type Encoding = "o200k_base" | "cl100k_base";

/** OpenAI's vocabulary of a model, or `undefined` where it is somebody else's model. */
export function encodingOf(model: string): Encoding | undefined {
  const name = model.slice(model.lastIndexOf("/") + 1).toLowerCase();
  if (/^(?:gpt-4(?![.o\d])|gpt-3|text-embedding-)/.test(name)) return "cl100k_base";
  return /^(?:gpt-|chatgpt-|o\d(?:-|$))/.test(name) ? "o200k_base" : undefined;
}

/**
 * Tokens of a request's messages and tools; once there are more than `most`, any number above it. Rejects with a
 * `ProxyError` of kind `aborted` when the client leaves meanwhile.
 */
export async function countTokens(
  request: GenerateRequest,
  model: string,
  signal?: AbortSignal,
  most: number = Number.POSITIVE_INFINITY,
): Promise<number> {
  const count = await counter(encodingOf(model) ?? "o200k_base");
  let total = PER_ANSWER;
  let sinceBreath = 0;
  for (const text of textsOf(request)) {
    if (total > most) return total;
    if (typeof text === "number") {
      total += text;
      continue;
    }
    for (const piece of pieces(text)) {
      total += count(piece);
      sinceBreath += piece.length;
      if (sinceBreath < BREATH) continue;
      if (total > most) return total;
      sinceBreath = 0;
      await setImmediate();
      if (signal?.aborted)
        throw new ProxyError({ kind: "aborted", message: "The client left while tokens were counted." });
    }
  }
  return total;
}

const counters = new Map<Encoding, Promise<Count>>();

function counter(encoding: Encoding): Promise<Count> {
  let loading = counters.get(encoding);
  if (!loading) counters.set(encoding, (loading = load(encoding)));
  return loading;
}

async function load(encoding: Encoding): Promise<Count> {
  const { countTokens: count, setMergeCacheSize } =
    encoding === "cl100k_base"
      ? await import("gpt-tokenizer/encoding/cl100k_base")
      : await import("gpt-tokenizer/encoding/o200k_base");
  setMergeCacheSize(10_000);
  // Nothing a client writes is a control token here.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => count(text, options);
}

/** Texts to be counted, and counts of what is no text. */
function* textsOf(request: GenerateRequest): Generator<string | number> {
  for (const message of request.messages) yield* textsOfMessage(message);
  for (const tool of request.tools ?? []) yield* textsOfTool(tool);
}

function* textsOfMessage(message: Message): Generator<string | number> {
  yield PER_MESSAGE;
  for (const part of message.parts) yield* textsOfPart(part);
}

function* textsOfPart(part: Part): Generator<string | number> {
  switch (part.type) {
    case "text":
    case "reasoning":
      yield part.text;
      return;
    case "tool-call":
      yield part.name;
      yield part.input;
      return;
    case "tool-result":
      for (const inner of part.content) yield* textsOfPart(inner);
      return;
    case "media":
      yield PER_MEDIA;
      return;
    case "opaque":
      yield withoutData(part.value);
  }
}

function* textsOfTool(tool: Tool): Generator<string> {
  yield tool.name;
  if (tool.type === "hosted") {
    yield withoutData(tool.value);
    return;
  }
  if (tool.description !== undefined) yield tool.description;
  yield JSON.stringify(tool.schema);
}

/** A file in a data URL is not read as text. */
function withoutData(value: Json): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "string" && each.startsWith("data:") ? "" : each,
  );
}

/** The text in pieces, cut before a word where there is one: there a tokenizer begins anew by itself. */
function* pieces(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > PIECE) {
    const end = cut(text, start, start + PIECE);
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}

function cut(text: string, start: number, limit: number): number {
  for (let at = limit; at > start + PIECE / 2; at--) {
    if (text[at] === " " && /[\p{L}\p{N}]/u.test(text[at - 1]!) && /\p{L}/u.test(text[at + 1] ?? "")) return at;
  }
  // Half of a character outside the basic plane would be two unknown ones.
  const before = text.charCodeAt(limit - 1);
  return before >= 0xd800 && before < 0xdc00 ? limit - 1 : limit;
}
