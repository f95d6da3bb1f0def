/** What must hold of every request, whatever happens: checked when it is sent on, when it ends and when it is left. */
import type { Outcome } from "../plugin/context.ts";
import type { Life, Sending } from "./life.ts";
import { wordsOf } from "./play.ts";

/** Names of the rules, for messages and for the tests that break each of them on purpose. */
export const rules = [
  "one-end",
  "no-leak",
  "no-overload",
  "limits-kept",
  "no-resting-key",
  "rest-ends",
  "one-probe",
  "no-attempt-after-commit",
  "no-starvation",
  "affinity-kept",
  "abort-is-neutral",
  "abort-ends-calls",
  "attempts-bounded",
  "deadline-kept",
  "queue-bounded",
  "never-twice",
  "no-storm",
  "request-fault-stops",
  "ban-stops",
  "ledger-is-served",
  "no-fault-logged",
  "free-again",
] as const;

export type Rule = (typeof rules)[number];

export type Violate = (rule: Rule, what: string, life?: Life) => void;

export interface Promises {
  readonly attempts: number;
  readonly sameCredential: number;
  /** Milliseconds. */
  readonly deadline: number;
  readonly queueWait: number;
}

/** Rate-limit answers one request may collect within three seconds. */
const STORM = 4;
const STORM_WINDOW = 3000;

/** Milliseconds a request may spend on more than its place in the queue before its first call. */
const SLACK = 100;

/** A call is about to be made for a request. `sendings` holds the ones before it. */
export function checkSending(
  life: Life,
  next: Sending,
  { attempts, sameCredential, deadline, queueWait }: Promises,
  violate: Violate,
): void {
  const { sendings } = life;
  const name = `${next.provider}/${next.model} ${next.key}`;
  if (sendings.length >= attempts) violate("attempts-bounded", `call ${sendings.length + 1} of ${attempts}`, life);
  // The proxy knows how long it has been by a clock that was set meanwhile.
  if (!life.jumped && next.at - life.askedAt > deadline)
    violate("deadline-kept", `a call ${next.at - life.askedAt} ms after it came`, life);
  if (life.firstByteAt !== undefined) violate("no-attempt-after-commit", `${name} after the first byte`, life);
  if (life.leftAt !== undefined) violate("abort-ends-calls", `${name} after the client had left`, life);
  if (!life.jumped && sendings.length === 0 && next.at - life.askedAt > queueWait + SLACK) {
    violate("queue-bounded", `it waited ${next.at - life.askedAt} ms for its first call`, life);
  }
  const before = sendings.filter((each) => isSame(each, next));
  // Of two that were asked side by side the one that failed last may be asked once more.
  const last = sendings.toSorted((one, other) => (one.endedAt ?? Infinity) - (other.endedAt ?? Infinity)).at(-1);
  if (before.length > sameCredential || (before.length > 0 && last && !isSame(last, next))) {
    violate("never-twice", `${name} once more`, life);
  }
  const limited = sendings.filter((each) => each.call.play.head?.status === 429 && each.at > next.at - STORM_WINDOW);
  if (limited.length >= STORM) violate("no-storm", `a call after ${limited.length} refusals in three seconds`, life);
  for (const each of sendings) {
    const fault = each.call.play.fault ?? "";
    // A prompt that is too long for one model may fit another one of an alias.
    const isTooLong = fault.includes("context_length") && isSameModel(each, next);
    if (isTooLong || fault.includes("invalid_value")) {
      violate("request-fault-stops", `${name} after the request itself was refused`, life);
    }
    if (each.provider === next.provider && fault.includes("account_deactivated")) {
      violate("ban-stops", `${name} after an account of ${each.provider} was found banned`, life);
    }
  }
}

function isSame(one: Sending, other: Sending): boolean {
  return isSameModel(one, other) && one.key === other.key;
}

function isSameModel(one: Sending, other: Sending): boolean {
  return one.provider === other.provider && one.model === other.model;
}

/** The client has its end and everything has settled. */
export function checkEnd(life: Life, violate: Violate): void {
  const { served, outcome, records } = life;
  if (!served) return;
  if (life.generation.refusing && life.turnedAway) {
    if (records !== 0 || (served.status !== 503 && served.end !== "left"))
      violate("one-end", `${served.status} and ${records} records from a proxy that is about to end`, life);
    return;
  }
  if (records !== 1) return violate("one-end", `${records} records`, life);
  if (!outcome) return;
  if (life.open > 0) violate("no-leak", `${life.open} calls go on after its end`, life);
  const wrong = (what: string): void => violate("ledger-is-served", what, life);
  const { end } = outcome;
  if (served.end === "left") {
    // What had been sent whole when the client went is complete.
    if (end === "upstream-failed" || (end === "refused" && served.firstByteAt !== undefined)) {
      wrong(`the client left, the record says ${end}`);
    }
    return;
  }
  if (outcome.status !== served.status) wrong(`status ${served.status}, the record says ${outcome.status}`);
  if (served.end === "complete") checkComplete(life, outcome, wrong);
  // A stream that is kept alive from early on may end as a refusal inside it.
  else if (served.end === "broken" && end !== "upstream-failed" && end !== "refused") {
    wrong(`a broken answer, the record says ${end}`);
  } else if (served.end === "refused" && end !== "refused" && end !== "upstream-failed")
    wrong(`refused, the record says ${end}`);
}

function checkComplete(life: Life, outcome: Outcome, wrong: (what: string) => void): void {
  const { served, request, sendings } = life;
  const by = outcome.answeredBy;
  const last = sendings.findLast(({ key, provider }) => key === by?.credential.label && provider === by.provider.name);
  if (!served || !last) return wrong("an answer without a call");
  if (outcome.end !== "complete") wrong(`a whole answer, the record says ${outcome.end}`);
  if (served.words !== wordsOf(request.index).join("")) wrong(`the words are ${JSON.stringify(served.words)}`);
  // Comments that keep the link alive are no part of the answer.
  const spoken = served.bytes - (served.text.match(/^:[^\n]*\n\n/gm)?.join("").length ?? 0);
  if (outcome.bytes !== served.bytes && outcome.bytes !== spoken)
    wrong(`${served.bytes} bytes, the record says ${outcome.bytes}`);
  const { bills, fault } = last.call.play;
  if (!bills) wrong("a whole answer from a call that gave none");
  else if (fault !== "wrongUsage") {
    const { input, output } = outcome.usage ?? {};
    if (input !== bills.input || output !== bills.output) {
      wrong(`${bills.input} and ${bills.output} tokens, the record says ${input} and ${output}`);
    }
  }
  if (by && sendings.length !== by.ctx.attempts.length) {
    wrong(`${sendings.length} calls, the record has ${by.ctx.attempts.length} attempts`);
  }
}
