/** Puts the end of chat answers right: usage in the chunk that finishes, and the reason that calls of tools deserve. */
import type { Json, JsonObject, Rewriter, Sse } from "waygate";
import { isObject, parseObject } from "./json.ts";

export interface FinishOptions {
  /** A tool the client knows nothing of: calls of it are taken out, and an answer of nothing else has just stopped. */
  readonly swallow?: string;
}

/** What only a chunk of interest holds; text of an answer has its quotes escaped. */
const finishes = /"finish_reason"\s*:\s*"/;
const calls = '"tool_calls"';
const usageOf = /"usage"\s*:\s*\{/;

/** One per attempt. Chunks of text pass without being parsed. */
export function finishRewriter({ swallow }: FinishOptions = {}): Rewriter {
  /** The chunk of each choice that finishes, until there is usage or the end. */
  const held = new Map<Json, JsonObject>();
  let head: JsonObject = {};
  const called = new Set<Json>();
  const swallowed = new Map<Json, Set<Json>>();

  const isSwallowed = (choice: Json, call: JsonObject): boolean => {
    const place = call["index"] ?? 0;
    let places = swallowed.get(choice);
    if (!places) swallowed.set(choice, (places = new Set()));
    const name = isObject(call["function"]) ? call["function"]["name"] : undefined;
    if (name === swallow && swallow !== undefined) places.add(place);
    else if (typeof name === "string" && name !== "") places.delete(place);
    return places.has(place);
  };

  /** The choice as it goes on; `undefined` when nothing of it does. */
  const pass = (choice: JsonObject): JsonObject | undefined => {
    const place = choice["index"] ?? 0;
    const delta = isObject(choice["delta"]) ? choice["delta"] : {};
    const { tool_calls: list, ...others } = delta;
    let passed = choice;
    if (isList(list)) {
      const left = list.filter((call) => !isObject(call) || !isSwallowed(place, call));
      if (left.length > 0) called.add(place);
      if (left.length < list.length) {
        passed = { ...choice, delta: left.length > 0 ? { ...others, tool_calls: left } : others };
        const saysNothing = Object.values(others).every((value) => value === null || value === "");
        if (left.length === 0 && saysNothing && typeof choice["finish_reason"] !== "string") return undefined;
      }
    }
    const reason = passed["finish_reason"];
    if (typeof reason !== "string") return passed;
    return { ...passed, finish_reason: reasonOf(reason, called.has(place), (swallowed.get(place)?.size ?? 0) > 0) };
  };

  const release = (usage?: Json): Sse | undefined => {
    if (held.size === 0) return undefined;
    const choices = [...held.values()];
    held.clear();
    return { data: JSON.stringify({ ...head, choices, ...(usage !== undefined && { usage }) }) };
  };

  return {
    message(message) {
      const { data } = message;
      if (data.trim() === "[DONE]") {
        const last = release();
        return last ? [last, message] : message;
      }
      const isUsage = held.size > 0 && usageOf.test(data);
      if (!isUsage && !finishes.test(data) && !data.includes(calls) && data.trim() !== "{}") return message;
      const json = parseObject(data);
      if (!json) return message;
      const list = isList(json["choices"]) ? json["choices"] : [];
      const usage = isObject(json["usage"]) && Object.keys(json["usage"]).length > 0 ? json["usage"] : undefined;
      if (list.length === 0) {
        if (Object.keys(json).length === 0) return undefined;
        return usage && held.size > 0 ? release(usage) : message;
      }
      const choices: Json[] = [];
      let isNews = false;
      for (const choice of list) {
        const passed = isObject(choice) ? pass(choice) : choice;
        isNews ||= passed !== choice;
        if (passed === undefined) continue;
        if (!isObject(passed) || typeof passed["finish_reason"] !== "string") choices.push(passed);
        else if (!held.has(passed["index"] ?? 0)) held.set(passed["index"] ?? 0, passed);
      }
      if (held.size === 0) {
        if (!isNews) return message;
        return choices.length === 0 ? undefined : { ...message, data: JSON.stringify({ ...json, choices }) };
      }
      const { choices: _, usage: __, ...rest } = json;
      head = rest;
      const before = choices.length > 0 ? { data: JSON.stringify({ ...rest, choices }) } : undefined;
      const last = usage ? release(usage) : undefined;
      return before && last ? [before, last] : (before ?? last);
    },
    end: () => release(),
    body: (text) => wholeBody(text, swallow),
  };
}

/** A whole completion, as text; the same text when there is nothing to put right. */
function wholeBody(text: string, swallow: string | undefined): string {
  const json = text.includes(calls) ? parseObject(text) : undefined;
  const list = json?.["choices"];
  if (!json || !isList(list)) return text;
  let isNews = false;
  const choices = list.map((choice): Json => {
    const message = isObject(choice) ? choice["message"] : undefined;
    if (!isObject(choice) || !isObject(message) || !isList(message["tool_calls"])) return choice;
    const { tool_calls: made, ...others } = message;
    const left = (made as readonly Json[]).filter((call) => swallow === undefined || nameOf(call) !== swallow);
    const isLess = left.length < (made as readonly Json[]).length;
    const { finish_reason: reason } = choice;
    const finish = typeof reason === "string" ? reasonOf(reason, left.length > 0, isLess) : reason;
    if (!isLess && finish === reason) return choice;
    isNews = true;
    return { ...choice, message: left.length > 0 ? { ...others, tool_calls: left } : others, finish_reason: finish! };
  });
  return isNews ? JSON.stringify({ ...json, choices }) : text;
}

function reasonOf(reason: string, hasCalls: boolean, hasSwallowed: boolean): string {
  if (hasCalls && reason === "stop") return "tool_calls";
  return !hasCalls && hasSwallowed && reason === "tool_calls" ? "stop" : reason;
}

function nameOf(call: Json): Json | undefined {
  const made = isObject(call) ? call["function"] : undefined;
  return isObject(made) ? made["name"] : undefined;
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}
