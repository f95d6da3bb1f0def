/**
 * What a request and an answer say, whatever protocol they came in: the neutral reading that translations are compared
 * by. Meta, forms, positions of system messages and the ids of calls are not part of it.
 */
import type { GenerateRequest, Json, JsonObject, Part, StreamEvent } from "../../src/protocols/canonical.ts";
import { folder } from "../../src/protocols/fold.ts";
import { defined, isArray, isObject } from "../../src/protocols/json.ts";
import { effortFor } from "../../src/protocols/reasoning.ts";

export interface RequestReading {
  readonly system: readonly string[];
  /** Texts of user and assistant, in order. */
  readonly said: readonly string[];
  readonly thought: string;
  readonly calls: readonly { readonly name: string; readonly input: Json }[];
  /** In the order of the calls they belong to. */
  readonly results: readonly string[];
  readonly failed: number;
  readonly media: readonly string[];
  readonly tools: readonly { readonly name: string; readonly description: string; readonly properties: string[] }[];
  readonly options: JsonObject;
}

export function readRequest(request: GenerateRequest): RequestReading {
  const parts = request.messages.flatMap(({ role, parts: own }) => own.map((part) => ({ role, part })));
  const calls = parts.flatMap(({ part }) => (part.type === "tool-call" ? [part] : []));
  const results = parts.flatMap(({ part }) => (part.type === "tool-result" ? [part] : []));
  const answered = calls.map((call) => results.find((result) => result.id === call.id));
  const orphans = results.filter((result) => !answered.includes(result));
  const shown = [...parts.map(({ part }) => part), ...results.flatMap(({ content }) => content)];
  const choice = request.toolChoice;
  const allowed = typeof choice === "object" && "names" in choice ? choice.names : undefined;
  const texts = (wanted: (role: string) => boolean): string[] =>
    parts.flatMap(({ role, part }) => (part.type === "text" && wanted(role) ? squeezed(part.text) : []));
  return {
    system: texts((role) => role === "system"),
    said: [...texts((role) => role !== "system"), ...orphans.flatMap(({ content }) => squeezed(textOf(content)))],
    thought: shown.map((part) => (part.type === "reasoning" && !part.seal ? part.text : "")).join(""),
    calls: calls.map(({ name, input }) => ({ name, input: parsed(input) })),
    results: answered.map((result) => squeezed(textOf(result?.content ?? [])).join()),
    failed: results.filter(({ isError }) => isError).length,
    media: shown
      .flatMap((part) => (part.type === "media" && !isReadable(part.mediaType) ? [sourceOf(part)] : []))
      .sort(),
    tools: (request.tools ?? []).flatMap((tool) =>
      tool.type === "function" && (allowed?.includes(tool.name) ?? true)
        ? [{ name: tool.name, description: tool.description ?? "", properties: namesIn(tool.schema) }]
        : [],
    ),
    options: optionsOf(request),
  };
}

function optionsOf(request: GenerateRequest): JsonObject {
  const { toolChoice, reasoning, format, choices } = request;
  const tools = (request.tools ?? []).some((tool) => tool.type === "function");
  const budget = reasoning?.budget;
  const effort = reasoning?.effort ?? (budget === undefined || budget < 0 ? undefined : effortFor(budget));
  const options: { [key: string]: Json | undefined } = {
    stream: request.stream,
    maxTokens: request.maxTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    seed: request.seed,
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    stop: request.stop?.length ? request.stop : undefined,
    user: request.user,
    choices: choices === 1 ? undefined : choices,
    toolChoice: tools ? choiceOf(toolChoice) : undefined,
    parallelToolCalls: tools && request.parallelToolCalls === false ? false : undefined,
    reasons: effort === undefined ? undefined : effort !== "none",
    format: format ? (format.schema ? namesIn(format.schema) : "json") : undefined,
  };
  return defined(options);
}

/** Some of the tools only, or only some tools: `tools` of the reading holds those that may be called. */
function choiceOf(choice: GenerateRequest["toolChoice"]): Json | undefined {
  if (choice === undefined || choice === "auto") return undefined;
  if (typeof choice === "string") return choice;
  if ("name" in choice) return choice.name;
  return choice.required ? "required" : undefined;
}

export interface AnswerReading {
  readonly text: string;
  readonly thought: string;
  readonly calls: readonly { readonly name: string; readonly input: Json }[];
  readonly finish: string | undefined;
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly error: boolean;
}

export function readAnswer(events: readonly StreamEvent[]): AnswerReading {
  const fold = folder();
  const hosted = new Set<number>();
  for (const event of events) {
    if (event.type === "tool-start" && event.hosted) hosted.add(event.index);
    if (!("index" in event) || event.index === undefined || !hosted.has(event.index)) fold.event(event);
  }
  const { parts, finish, usage, error } = fold.answer();
  return {
    text: textOf(parts),
    thought: parts.map((part) => (part.type === "reasoning" ? part.text : "")).join(""),
    calls: parts.flatMap((part) => (part.type === "tool-call" ? [{ name: part.name, input: parsed(part.input) }] : [])),
    finish: finish?.reason,
    input: usage?.input,
    output: usage?.output,
    error: error !== undefined,
  };
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function squeezed(text: string): string[] {
  const short = text.replace(/\s+/g, " ").trim();
  return short === "" ? [] : [short];
}

/** Bad JSON is compared as the text it is; no arguments at all are none. */
function parsed(text: string): Json {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as Json;
  } catch {
    // The fixtures hold arguments that break off.
    return text;
  }
}

function isReadable(mediaType: string): boolean {
  return mediaType.startsWith("text/");
}

function sourceOf({ source }: Extract<Part, { type: "media" }>): string {
  return "url" in source ? source.url : "data" in source ? source.data : source.fileId;
}

/** Names of the properties at all depths. */
function namesIn(schema: Json): string[] {
  if (isArray(schema)) return schema.flatMap(namesIn);
  if (!isObject(schema)) return [];
  const { properties } = schema;
  const names = isObject(properties) ? Object.keys(properties) : [];
  const inner = isObject(properties) ? Object.values(properties) : [];
  return [...new Set([...names, ...inner.flatMap(namesIn), ...namesIn(schema["items"] ?? null)])].sort();
}
