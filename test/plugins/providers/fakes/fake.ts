/** A stand-in for one provider: refuses what the provider refuses, fails as it fails, lists models as it lists them. */
import type { ErrorKind, ErrorScope, JsonObject } from "waygate";
import {
  answer,
  type AnswerInit,
  createUpstream,
  type ScriptRequest,
  status,
  type Step,
  type Upstream,
} from "waygate/testing";

/** One failure in the provider's own words, asked for by a model of this name, and what it means. */
export interface Play {
  readonly reply: Step;
  readonly kind: ErrorKind;
  readonly scope?: ErrorScope;
  /** Milliseconds after `start` when it may be asked again. */
  readonly retryIn?: number;
}

export interface Fake {
  /** Path of the base URL. */
  readonly base: string;
  readonly plays: { readonly [model: string]: Play };
  /** What it says about a request it cannot take. */
  readonly refuses?: (request: ScriptRequest) => Step | undefined;
  readonly answer?: AnswerInit;
  /** What a healthy one says, where it does not speak OpenAI's dialect. */
  readonly says?: (text: string) => Step;
  /** The model asked for, where the body does not say it. */
  readonly modelOf?: (request: ScriptRequest) => string | undefined;
  /** Where the models are listed, how, and what is to be made of it. */
  readonly models: { readonly path: string; readonly reply: Step; readonly ids: readonly string[] };
}

export const start: number = Date.UTC(2026, 2, 2, 10);
export const minute = 60_000;
export const hour: number = 60 * minute;

export async function createFake(fake: Fake): Promise<Upstream> {
  const upstream = await createUpstream({
    base: fake.base,
    step: (request) =>
      fake.plays[(fake.modelOf ?? modelInBody)(request) ?? ""]?.reply ??
      fake.refuses?.(request) ??
      fake.says?.("ok") ??
      answer({ text: "ok", ...fake.answer }),
  });
  upstream.when({ method: "GET" }, (request) =>
    request.path === fake.models.path ? fake.models.reply : status(404, { error: { message: "no such path" } }),
  );
  return upstream;
}

const modelInBody = ({ model }: ScriptRequest): string | undefined => model;

export const openaiError = (
  message: string,
  type: string | null = null,
  code: string | number | null = null,
): object => ({
  error: { message, type, param: null, code },
});

/** The first of these fields the request has, at the top. */
export function has(json: JsonObject, fields: readonly string[]): string | undefined {
  return fields.find((field) => field in json);
}

export function messagesOf(json: JsonObject): readonly JsonObject[] {
  return json["messages"] as readonly JsonObject[];
}

/** What all of them refuse that are not OpenAI's: newer names, newer roles, and tools that are none. */
export function refusesNews({ json }: ScriptRequest): string | undefined {
  return refusesNames(json) ?? refusesEmptyTools(json);
}

export function refusesNames(json: JsonObject): string | undefined {
  if (messagesOf(json).some(({ role }) => role === "developer")) return "unknown role 'developer'";
  return "max_completion_tokens" in json ? "unknown field 'max_completion_tokens'" : undefined;
}

export function refusesEmptyTools(json: JsonObject): string | undefined {
  if (Array.isArray(json["tools"]) && json["tools"].length === 0) return "[] is too short - 'tools'";
  return "tool_choice" in json && !("tools" in json) ? "'tool_choice' is only allowed when 'tools' are" : undefined;
}

/** A 400 in OpenAI's shape, if there is something to refuse. */
export function refusal(
  message: string | undefined,
  shape: (message: string) => object = openaiError,
): Step | undefined {
  return message === undefined ? undefined : status(400, shape(message));
}
