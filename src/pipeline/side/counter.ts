/**
 * Asks upstreams to count. Not the loop of contract 3.3: a count is worth little waiting, since there is an estimate to
 * fall back to, and what a counter answers says nothing about the key's generations, for it has limits of its own. So no
 * `fail` hook hears of it, and nothing rests.
 */
import type { ProxyError } from "../../failure/error.ts";
import type { Placed } from "../../candidates/in-flight.ts";
import type { Target } from "../../plugin/context.ts";
import type { HeaderRecord } from "../../plugin/provider.ts";
import { fitTools } from "../../protocols/fit-tools.ts";
import { withoutForeignSeals } from "../../protocols/foreign-seals.ts";
import type { CountCodec, Protocol } from "../../protocols/types.ts";
import { discard } from "../../transport/response.ts";
import type { Body } from "../../wire/body.ts";
import { failedInside } from "../answer.ts";
import { RunningAttempt } from "../attempt.ts";
import type { RequestState } from "../context.ts";
import { failureOf, isFailed } from "../exchange.ts";
import { asError } from "../start.ts";
import type { Pipeline } from "../pipeline.ts";
import { clientGone, usedUp } from "../refusal.ts";
import { createSelector } from "../select.ts";
import { forwardedHeaders, protocolOf, sendAttempt, timeoutsOf } from "../send.ts";
import { sourceOf } from "../source.ts";
import { isUnsupported, mayPassAsBytes } from "../translate.ts";
import { createBarred } from "../verdict.ts";
import { jsonHeaders, readObject } from "../whole.ts";

export interface Counted {
  readonly tokens: number;
  /** The upstream's answer as it came. */
  readonly text: string;
  readonly headers: HeaderRecord;
  readonly attempt: RunningAttempt;
}

/** Keys that are asked for one count at most. */
const KEYS = 3;
/** Milliseconds one of them may take: clients wait for a count before they ask for an answer. */
const PATIENCE = 15_000;

/** `undefined` when no counter could be asked or none could tell. Throws what is wrong with the request itself. */
export async function askCounters(
  pipeline: Pipeline,
  state: RequestState,
  targets: readonly Target[],
): Promise<Counted | undefined> {
  const counters = targets.filter((target) => protocolOf(state, target).counting);
  if (counters.length === 0) return undefined;
  const selector = createSelector(state, pipeline.pool, pipeline.hooks.selectKey);
  const barred = createBarred();
  for (let asked = 0; asked < KEYS; asked++) {
    if (state.cancellation.aborted) throw clientGone();
    const { placed } = await selector.next(counters, barred.has);
    if (!placed) return undefined;
    const attempt = start(state, placed);
    if (!attempt) {
      barred.model(placed.candidate);
      continue;
    }
    try {
      return await count(pipeline, state, attempt);
    } catch (thrown) {
      const error = asError(thrown, attempt);
      attempt.error = error;
      attempt.cancel(error);
      if (state.cancellation.aborted || error.kind === "aborted") throw clientGone();
      if (isFaultOfRequest(error)) throw usedUp(state, attempt);
      if (!ofKey.has(error.kind)) return undefined;
      barred.credential(placed.candidate);
    } finally {
      await attempt.settle();
    }
  }
  return undefined;
}

/** Another key may count where this one may not. */
const ofKey: ReadonlySet<string> = new Set(["rate_limited", "quota_exhausted", "credential_invalid", "no_credit"]);

/** These say that there is no counter, which compatible servers need not have. */
const noCounter: ReadonlySet<number> = new Set([404, 405, 501]);

function isFaultOfRequest({ kind, upstream }: ProxyError): boolean {
  if (kind === "internal") return true;
  const isRequest = kind === "invalid_request" || kind === "context_length" || kind === "content_filter";
  return isRequest && !noCounter.has(upstream?.status ?? 0);
}

/** `undefined` when this upstream cannot be asked for it. */
function start(state: RequestState, { candidate, lease }: Placed): RunningAttempt | undefined {
  try {
    const protocol = protocolOf(state, candidate);
    const timeouts = timeoutsOf(state, candidate);
    return new RunningAttempt(state, {
      candidate,
      protocol,
      lease,
      timeouts: { ...timeouts, whole: Math.min(timeouts.whole || PATIENCE, PATIENCE), total: PATIENCE },
      wire: {
        url: protocol.path(candidate.model, false, "count-tokens"),
        method: "POST",
        headers: forwardedHeaders(state, protocol),
        body: bodyFor(state, candidate, { protocol, codec: protocol.counting! }),
      },
    });
  } catch (error) {
    lease.release();
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

/** What a translation loses is of no account here: it is of few tokens, and nothing is generated from it. */
function bodyFor(
  state: RequestState,
  candidate: Placed["candidate"],
  { protocol, codec }: { readonly protocol: Protocol; readonly codec: CountCodec },
): Body {
  const { ctx } = state;
  if (mayPassAsBytes(state, candidate, protocol)) return codec.retarget(ctx.body, candidate.model);
  const ignore = (): void => {};
  const reader = { protocol: protocol.id, provider: candidate.provider.name, minters: state.minters };
  const asked = { ...ctx.request, model: candidate.model, stream: false };
  return codec.encodeRequest(fitTools(withoutForeignSeals(asked, reader, ignore), protocol.tools).request, ignore);
}

async function count({ hooks }: Pipeline, state: RequestState, attempt: RunningAttempt): Promise<Counted> {
  const response = await sendAttempt(state, hooks, attempt);
  try {
    const source = sourceOf(response, attempt.cancellation);
    if (isFailed(source)) throw await failureOf(attempt, source);
    attempt.watchdog.idle(attempt.timeouts.idle);
    const { text, body, json } = await readObject(attempt, source);
    const tokens = attempt.protocol.counting?.decodeAnswer(json);
    if (tokens === undefined) throw failedInside(attempt, source, text);
    return { tokens, text: typeof body === "string" ? body : text, headers: jsonHeaders(source), attempt };
  } catch (error) {
    discard(response);
    throw error;
  }
}
