/**
 * Calls of tools that Groq could not read itself: a 400, or an error inside the stream, with the code `tool_use_failed`
 * and what the model has written (Groq docs, "Tool use", errors). They become the calls they were meant to be, or are
 * asked for once more.
 */
import { createHash } from "node:crypto";
import {
  type Attempt,
  type Body,
  type Context,
  type Json,
  type JsonObject,
  type PluginHooks,
  type ProxyError,
  type Rewriter,
  withField,
} from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";
import { readCalls, type Written } from "./failed-generation.ts";
import { ownTools } from "./history-tools.ts";

const code = "tool_use_failed";

/** Characters of a refusal that are looked at. */
const LIMIT = 64 * 1024;

/** Of the provider of that name. What it is asked again for rests nobody: it is the model's own mistake. */
export function repairHooks(provider: string): PluginHooks {
  return {
    async call(attempt, next) {
      const response = await next();
      if (response.status !== 400 || attempt.provider.name !== provider) return response;
      const text = await readSome(response);
      const written = writtenIn(text, attempt);
      if (written) return Response.json(wholeOf(written, attempt));
      const headers = new Headers(response.headers);
      for (const name of ["content-length", "content-encoding"]) headers.delete(name);
      return new Response(text, { status: response.status, headers });
    },
    fail(error, attempt) {
      if (attempt.provider.name !== provider || attempt.committed || !isFailedCall(error)) return undefined;
      return hasFailedBefore(attempt) ? undefined : { then: "same" };
    },
  };
}

/** A model that has written nonsense once does so less often when it is cooler. */
export function cooler(body: Body, attempt: Attempt): Body {
  if (!hasFailedBefore(attempt)) return body;
  const { temperature } = body.json;
  return withField(body, ["temperature"], (typeof temperature === "number" ? temperature : 1) / 2);
}

/** Streams of requests with tools only; what has called a tool already is left as it is. */
export function repairStream(attempt: Attempt): Rewriter | undefined {
  const { body } = attempt.wire;
  if (!attempt.ctx.stream || !body || ownTools(body).size === 0) return undefined;
  let hasCalled = false;
  return {
    message(message) {
      const { data } = message;
      if (!data.includes(code)) {
        hasCalled ||= /"tool_calls"\s*:\s*\[/.test(data);
        return message;
      }
      const written = hasCalled ? undefined : writtenIn(data, attempt);
      if (!written) return message;
      const calls = callsOf(written, attempt.ctx).map((call, index) => ({ index, ...call }));
      const delta = { role: "assistant", content: written.text || null, tool_calls: calls };
      return [
        { data: JSON.stringify(chunkOf(attempt, { index: 0, delta, finish_reason: null })) },
        { data: JSON.stringify(chunkOf(attempt, { index: 0, delta: {}, finish_reason: "tool_calls" })) },
      ];
    },
  };
}

function isFailedCall(error: ProxyError | undefined): boolean {
  return error?.upstream?.code === code;
}

function hasFailedBefore({ ctx, index, provider }: Attempt): boolean {
  return ctx.attempts.some((each) => each.index < index && each.provider === provider && isFailedCall(each.error));
}

function writtenIn(text: string, { wire }: Attempt): Written | undefined {
  const error = text.includes(code) ? parseObject(text)?.["error"] : undefined;
  if (!isObject(error) || error["code"] !== code || !wire.body) return undefined;
  const { failed_generation: written } = error;
  return typeof written === "string" ? readCalls(written, ownTools(wire.body)) : undefined;
}

function callsOf({ calls }: Written, { id }: Context): readonly JsonObject[] {
  return calls.map(({ name, arguments: args }, index) => {
    const hash = createHash("sha256").update(`${id} ${index}`).digest("hex");
    return { id: `call_${hash.slice(0, 24)}`, type: "function", function: { name, arguments: args } };
  });
}

function wholeOf(written: Written, attempt: Attempt): JsonObject {
  const message = { role: "assistant", content: written.text || null, tool_calls: callsOf(written, attempt.ctx) };
  const choice = { index: 0, message, finish_reason: "tool_calls" };
  return { ...headOf(attempt), object: "chat.completion", choices: [choice] };
}

function chunkOf(attempt: Attempt, choice: JsonObject): JsonObject {
  return { ...headOf(attempt), object: "chat.completion.chunk", choices: [choice] };
}

function headOf({ ctx, model }: Attempt): { readonly [key: string]: Json } {
  return { id: `chatcmpl-${ctx.id}`, created: Math.floor(ctx.app.runtime.clock.now() / 1000), model };
}

/** As much as can be a refusal of the API; a page may have no end. */
async function readSome({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > LIMIT) break;
  }
  return text + decoder.decode();
}
