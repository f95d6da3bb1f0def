/**
 * Calls that the service could not read, `finishReason: MALFORMED_FUNCTION_CALL`: put right where they can be, else the
 * model is shown what it wrote and asked again.
 */
import {
  type Attempt,
  type Body,
  type Context,
  defineSlot,
  type Json,
  jsonBody,
  type JsonObject,
  ProxyError,
  type Rewriter,
  type Slot,
  type Sse,
  type Verdict,
} from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";
import type { GuardMaker } from "waygate/plugins/code-assist";
import { looseObject } from "./loose-json.ts";

const code = "malformed_call";

interface Broken {
  readonly text: string;
  /** The model has called a function that does not exist. */
  readonly unknown: boolean;
}

/** What the model has written so far in vain, the latest last. */
const broken: Slot<readonly Broken[]> = defineSlot("antigravity: broken calls");

export interface MalformedOptions {
  /** How often a request is asked again. Default 2. */
  readonly retries: number;
  /** Milliseconds before that. */
  readonly pause: number;
}

/** To be the last guard, so that it sees answers first: a call that is put right goes through the others. */
export const mendCalls: GuardMaker = (body, attempt) => ({
  body: withCorrection(body, attempt.ctx.get(broken)?.at(-1)),
  answers: rewriter(attempt, namesIn(body)),
});

/** What follows a call that could not be put right. `undefined` for other failures. */
export function verdictOn(error: ProxyError, { ctx }: Attempt, options: MalformedOptions): Verdict | undefined {
  if (error.code !== code) return undefined;
  const all = ctx.get(broken) ?? [];
  const retries = all.at(-1)?.unknown ? Math.min(1, options.retries) : options.retries;
  return all.length <= retries ? { then: "same", after: options.pause } : { then: "stop" };
}

const givenUp = /"finishReason"\s*:\s*"(?:MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL)"/;

function rewriter({ ctx }: Attempt, names: ReadonlySet<string>): Rewriter {
  const mend = (data: string): string => {
    if (!givenUp.test(data)) return data;
    const json = parseObject(data);
    const [candidate] = json && Array.isArray(json["candidates"]) ? (json["candidates"] as readonly Json[]) : [];
    if (!json || !isObject(candidate)) return data;
    const { finishReason, finishMessage } = candidate;
    const text = typeof finishMessage === "string" ? finishMessage : "";
    const call = finishReason === "MALFORMED_FUNCTION_CALL" ? callIn(text) : undefined;
    if (call && names.has(call.name)) {
      return JSON.stringify({ ...json, candidates: [withCall(candidate, call)] });
    }
    note(ctx, { text, unknown: finishReason === "UNEXPECTED_TOOL_CALL" });
    throw new ProxyError({
      kind: "upstream",
      scope: "request",
      code,
      message: `The model's call of a tool could not be read (${String(finishReason)}): ${text.slice(0, 200) || "no text"}`,
    });
  };
  return {
    message(message): Sse {
      const data = mend(message.data);
      return data === message.data ? message : { ...message, data };
    },
    body: mend,
  };
}

function note(ctx: Context, one: Broken): void {
  ctx.set(broken, [...(ctx.get(broken) ?? []), one]);
}

interface Call {
  readonly name: string;
  readonly args: JsonObject;
}

/** `call:default_api:get_weather{city: 'Oslo',}`. */
export function callIn(text: string): Call | undefined {
  const found = /call:\s*(?:[\w-]+:)?([\w.-]+)\s*(\{.*\})/s.exec(text);
  const [, name, written] = found ?? [];
  const args = written === undefined ? undefined : looseObject(written);
  return name === undefined || !args ? undefined : { name, args };
}

function withCall(candidate: JsonObject, { name, args }: Call): JsonObject {
  const { finishMessage: _, content, ...rest } = candidate;
  const outer = isObject(content) ? content : {};
  const parts = Array.isArray(outer["parts"]) ? (outer["parts"] as readonly Json[]) : [];
  return {
    ...rest,
    content: { ...outer, role: "model", parts: [...parts, { functionCall: { name, args } }] },
    finishReason: "STOP",
  };
}

function declarationsIn({ json }: Body): readonly JsonObject[] {
  const tools = Array.isArray(json["tools"]) ? (json["tools"] as readonly Json[]) : [];
  return tools.flatMap((entry) => {
    const list = isObject(entry) ? entry["functionDeclarations"] : undefined;
    return Array.isArray(list) ? (list as readonly Json[]).filter((one): one is JsonObject => isObject(one)) : [];
  });
}

function namesIn(body: Body): ReadonlySet<string> {
  return new Set(declarationsIn(body).flatMap(({ name }) => (typeof name === "string" ? [name] : [])));
}

/** The conversation with what the model wrote, and with the schema it should have kept to. */
function withCorrection(body: Body, last: Broken | undefined): Body {
  if (!last) return body;
  const { json } = body;
  const declared = declarationsIn(body);
  const meant = declared.filter(({ name }) => last.text.includes(String(name)));
  const tools = (meant.length > 0 ? meant : declared).map(({ name, parameters }) =>
    JSON.stringify({ name: name ?? null, parameters: parameters ?? null }),
  );
  const why = last.unknown ? "That tool does not exist." : "That call could not be read.";
  const turns: readonly JsonObject[] = [
    { role: "model", parts: [{ text: last.text || "(a call that could not be read)" }] },
    {
      role: "user",
      parts: [
        { text: `${why} Call a tool with arguments that are valid JSON and match its schema:\n${tools.join("\n")}` },
      ],
    },
  ];
  const contents = Array.isArray(json["contents"]) ? (json["contents"] as readonly Json[]) : [json["contents"] ?? {}];
  return jsonBody({ ...json, contents: [...contents, ...turns] });
}
