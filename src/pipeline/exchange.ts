/** From an upstream's response to the answer for the client: failures are thrown as errors, the rest is committed. */
import type { ProxyError } from "../failure/error.ts";
import { renderError } from "../failure/render.ts";
import { responseHeaders } from "../transport/headers.ts";
import { type Answer, failedInside, failedStatus, type OnEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { emptyAnswerOf } from "./empty.ts";
import { receiveForward } from "./forward/receive.ts";
import { holdOf } from "./hold.ts";
import type { CompiledHooks } from "./hooks.ts";
import { jsonArrayStream } from "./json-array.ts";
import { keepAliveOf } from "./keep-alive.ts";
import { choosePath, eventStream, jsonStream, rewriteOf } from "./path.ts";
import { readSome, type Source, sourceOf } from "./source.ts";
import { isEmbedding } from "./side/able.ts";
import { receiveEmbedding } from "./side/embed.ts";
import { openStream } from "./stream.ts";
import { tapSource } from "./tap.ts";
import { encodeFrame } from "../wire/sse.ts";
import { foldStream, receiveWhole } from "./whole.ts";

/** Bytes and milliseconds that reading a failed answer may take. */
const ERROR_LIMIT = 64 * 1024;
const ERROR_TIME = 5_000;

/** Reads the response as far as it takes to know that it is an answer. Throws a `ProxyError` when it is none. */
export async function receive(
  state: RequestState,
  hooks: CompiledHooks,
  attempt: RunningAttempt,
  response: Response,
  onEnd: OnEnd,
): Promise<Answer> {
  const source = tapSource(state, attempt, sourceOf(response, attempt.cancellation));
  if (isFailed(source)) throw await failureOf(attempt, source);
  if (state.forward) return receiveForward(attempt, source, onEnd);
  const { watchdog, timeouts } = attempt;
  const isStream = (source.headers["content-type"] ?? "").includes("text/event-stream");
  if (isStream && state.stream) return receiveStream(state, hooks, attempt, source, onEnd);
  // Nobody waits for a first token here: from the headers on, only silence is too slow.
  watchdog.idle(timeouts.idle);
  const call = { state, hooks, attempt, source, onEnd };
  if (isEmbedding(state.ctx.operation)) return receiveEmbedding(call);
  return isStream ? foldStream(call) : receiveWhole(call);
}

/** True for an answer whose status says that it is none. */
export function isFailed({ status }: Source): boolean {
  return status < 200 || status >= 300;
}

/** What such an answer means. */
export async function failureOf(attempt: RunningAttempt, source: Source): Promise<ProxyError> {
  const text = await readSome(source, ERROR_LIMIT, (stop) => attempt.watchdog.grace(ERROR_TIME, stop));
  return failedStatus(attempt, source, text);
}

async function receiveStream(
  state: RequestState,
  hooks: CompiledHooks,
  attempt: RunningAttempt,
  source: Source,
  onEnd: OnEnd,
): Promise<Answer> {
  const { ctx } = state;
  const dropUsage = !state.usage && attempt.protocol === ctx.protocol;
  const probe = attempt.protocol.probe({ dropUsage, seals: state.sealsShared && attempt.protocol === ctx.protocol });
  const rewrite = rewriteOf(attempt);
  const { path, name } = choosePath(state, hooks, attempt, rewrite !== undefined);
  const array = state.framing === "json-array" ? jsonArrayStream(path) : undefined;
  const body = await openStream({
    attempt,
    source,
    probe,
    path: array?.path ?? path,
    rewrite,
    hold: holdOf(ctx),
    empty: emptyAnswerOf(state, attempt),
    alive: keepAliveOf(state),
    resume: state.resume && ((...broken) => state.resume?.(attempt, ...broken)),
    inBand: (text, status) => failedInside(attempt, source, text, status),
    renderError(error) {
      const messages = ctx.protocol.encodeStreamError(renderError(error, ctx.id));
      return array ? array.close(messages) : messages.map(encodeFrame).join("");
    },
    onEnd,
  });
  return {
    status: 200,
    headers: Object.assign(responseHeaders(source.headers), array ? jsonStream : eventStream),
    body,
    path: name,
    seen: () => probe,
  };
}
