/** From an upstream's response to the answer for the client: failures are thrown as errors, the rest is committed. */
import { renderError } from "../failure/render.ts";
import { responseHeaders } from "../transport/headers.ts";
import { type Answer, failedInside, failedStatus, type OnEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import type { CompiledHooks } from "./hooks.ts";
import { choosePath, eventStream, rewriteOf } from "./path.ts";
import { readSome, type Source, sourceOf } from "./source.ts";
import { openStream } from "./stream.ts";
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
  const source = sourceOf(response, attempt.cancellation);
  const { watchdog, timeouts } = attempt;
  if (source.status < 200 || source.status >= 300) {
    const text = await readSome(source, ERROR_LIMIT, (stop) => watchdog.grace(ERROR_TIME, stop));
    throw failedStatus(attempt, source, text);
  }
  const isStream = (source.headers["content-type"] ?? "").includes("text/event-stream");
  if (isStream && state.stream) return receiveStream(state, hooks, attempt, source, onEnd);
  // Nobody waits for a first token here: from the headers on, only silence is too slow.
  watchdog.idle(timeouts.idle);
  const call = { state, hooks, attempt, source, onEnd };
  return isStream ? foldStream(call) : receiveWhole(call);
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
  const probe = attempt.protocol.probe({ dropUsage });
  const { path, name } = choosePath(state, hooks, attempt);
  const body = await openStream({
    attempt,
    source,
    probe,
    path,
    rewrite: rewriteOf(attempt),
    inBand: (text, status) => failedInside(attempt, source, text, status),
    renderError: (error) => ctx.protocol.encodeStreamError(renderError(error, ctx.id)),
    onEnd,
  });
  return {
    status: 200,
    headers: Object.assign(responseHeaders(source.headers), eventStream),
    body,
    path: name,
    seen: () => probe,
  };
}
