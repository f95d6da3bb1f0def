/** What the pipeline makes of an upstream's answer: one for the client, or the error that it is instead. */
import { readErrorBody } from "../failure/error-body.ts";
import type { ProxyError } from "../failure/error.ts";
import { maskKnown, secretsIn } from "../failure/known-secrets.ts";
import type { Probe } from "../protocols/types.ts";
import type { RunningAttempt } from "./attempt.ts";
import { readFailure } from "./own-rules.ts";
import type { StreamBody } from "./outlet.ts";
import type { Source } from "./source.ts";

/** An answer past the point of commit. */
export interface Answer {
  readonly status: number;
  /** Made for this answer; the run adds its own. */
  readonly headers: { [name: string]: string };
  readonly body: string | Uint8Array | StreamBody;
  readonly path: "bytes" | "messages" | "events";
  /** What was seen in it so far; complete once the body has ended. */
  readonly seen: () => Pick<Probe, "usage" | "finish" | "answerId" | "seals">;
}

/** How an answer came to its end. */
export type AnswerEnd =
  | { readonly how: "complete" }
  | { readonly how: "failed"; readonly error: ProxyError }
  | { readonly how: "cancelled" };

/** Called once, with the bytes sent, when nothing more will happen. */
export type OnEnd = (end: AnswerEnd, bytes: number) => void;

/** A failure inside an answer whose status was a success. */
export function failedInside(attempt: RunningAttempt, source: Source, text: string, named?: number): ProxyError {
  return read(attempt, source, text, { inBand: true, status: named ?? source.status });
}

/** An answer whose status says that it is none. */
export function failedStatus(attempt: RunningAttempt, source: Source, text: string): ProxyError {
  return read(attempt, source, text, { inBand: false, status: source.status });
}

function read(
  attempt: RunningAttempt,
  { headers }: Source,
  text: string,
  found: { readonly inBand: boolean; readonly status: number },
): ProxyError {
  if (attempt.expired) return attempt.expired;
  const { model, ctx, credential, wire } = attempt;
  const body = maskKnown(text, secretsIn(credential.data, wire.headers));
  const signal = { ...found, headers, body, error: readErrorBody(body), model, now: ctx.app.runtime.clock.now() };
  return readFailure(attempt, signal);
}
