/** One measure against calls that do not fit the tools as they are declared, and several of them one after the other. */
import { type Attempt, type Body, jsonBody, type JsonObject, textBody, withEachField } from "waygate";
import type { Rewriter, Sse } from "waygate";
import { camelCasedObject } from "waygate/protocols/gemini";
import type { Guard, GuardMaker } from "../guard.ts";

/** `functionCall` of an answer: `{ name, args, id }`. The object itself when nothing is to change. */
export type CallChange = (call: JsonObject) => JsonObject;

export interface ToolGuard {
  /** A request of the Gemini protocol in camelCase. The one that was given when there is nothing to do. */
  readonly request: JsonObject;
  /** The way back, in the calls of the answer. */
  readonly call?: CallChange;
}

/** Must not change its input. */
export type ToolStep = (request: JsonObject) => ToolGuard;

/** Each step sees what the one before has made; the way back goes through them in the reverse order. */
export function throughSteps(steps: readonly ToolStep[], request: JsonObject): ToolGuard {
  const changes: CallChange[] = [];
  let current = request;
  for (const step of steps) {
    const { request: next, call } = step(current);
    current = next;
    if (call) changes.unshift(call);
  }
  if (changes.length === 0) return { request: current };
  return { request: current, call: (given) => changes.reduce((call, change) => change(call), given) };
}

/** The steps as a guard of a provider. `steps` may say that a request needs none by an empty list. */
export function guardOf(steps: (attempt: Attempt) => readonly ToolStep[]): GuardMaker {
  return (body, attempt): Guard | undefined => {
    const own = steps(attempt);
    if (own.length === 0) return undefined;
    // Clients of the protocol itself may write its fields in snake_case; bodies made here are in camelCase.
    const json = attempt.ctx.protocol.id === "gemini" ? camelCasedObject(body.json) : body.json;
    const { request, call } = throughSteps(own, json);
    if (request === body.json && !call) return undefined;
    return { body: request === body.json ? body : jsonBody(request), ...(call && { answers: callRewriter(call) }) };
  };
}

const calls = ["candidates", "*", "content", "parts", "*", "functionCall"];

/** Changes the calls of an answer and leaves all else byte for byte. */
export function callRewriter(change: CallChange): Rewriter {
  const edit = (text: string): Body =>
    withEachField(textBody(text), calls, (json) => {
      const call = JSON.parse(json) as JsonObject;
      const changed = change(call);
      return changed === call ? json : JSON.stringify(changed);
    });
  return {
    message(message): Sse {
      if (!message.data.includes('"functionCall"')) return message;
      const { text } = edit(message.data);
      return text === message.data ? message : { ...message, data: text };
    },
    body: (text) => edit(text).text,
  };
}
