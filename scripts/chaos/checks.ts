/** What is looked at when all is over: every request with its end, its line and its calls. */
import type { Call, Calls } from "./calls.ts";
import type { Served } from "./client.ts";
import type { Disabled } from "./operator.ts";
import { ATTEMPTS, DRAIN } from "./plan.ts";
import type { Violate } from "./rules.ts";
import type { RequestLine, Running } from "./server.ts";

export interface CheckInit {
  readonly lives: readonly Running[];
  readonly calls: Calls;
  readonly violate: Violate;
  /** The longest that this process has stood still since then. */
  readonly lag: (since: number) => number;
}

/** Milliseconds in which a proxy hears of something and acts on it. */
const HEARD = 700;
/** Milliseconds for which lines about requests wait before they are written; a kill takes them along. */
const UNWRITTEN = 200;

/** Milliseconds for which a client may not know yet that a connection it has kept is gone with its process. */
const KEPT = 1500;

/** The processes that were told to end while this request was under way. */
function stopsDuring({ startedAt, endedAt, reused }: Served, lives: readonly Running[]): readonly Running[] {
  const since = startedAt - (reused ? KEPT : 50);
  return lives.filter(
    ({ stopping, ended }) => stopping && stopping.at <= endedAt + 50 && (ended?.at ?? Infinity) >= since,
  );
}

export function checkServed(served: Served, { lives, calls, violate, lag }: CheckInit): void {
  const { asked, end, why, status } = served;
  const name = `#${asked.index} ${asked.dialect}${asked.stream ? " stream" : ""} ${asked.model}`;
  const own = calls.of(asked.index);
  const about = `${name} ${end} ${status} ${Math.round(served.startedAt)}…${Math.round(served.endedAt)} ms${served.reused ? " on a kept connection" : ""}: ${why}; calls: ${own.map(shown).join(", ")}`;
  const stops = stopsDuring(served, lives);
  if (end === "malformed" || end === "wrong" || end === "endless") violate("one-end", about, served.endedAt);
  if (
    end === "unconnected" &&
    !lives.some(({ stopping, ended }) => stopping && (!ended || ended.at > served.startedAt - 30_000))
  )
    violate("no-cut", about, served.endedAt);
  if (end === "cut" && !stops.some((life) => mayCut(life, served)) && !isStarting(served, lives))
    violate("no-cut", about, served.endedAt);

  const silent = own.filter(({ reused, fault }) => reused && (fault === "drop" || fault === "reset")).length;
  if (own.length > ATTEMPTS + silent) violate("attempts-bounded", `${own.length} calls: ${about}`, served.endedAt);
  const patience = HEARD + lag(served.startedAt);
  for (const call of own) {
    if (served.leftAt !== undefined) {
      if (call.at > served.leftAt + patience) violate("abort-ends-calls", `a call after it left: ${about}`, call.at);
      if ((call.endedAt ?? Infinity) > served.leftAt + patience)
        violate("abort-ends-calls", `a call goes on: ${about}`, call.at);
    } else if (served.firstAt !== undefined && call.at > served.firstAt + patience)
      violate("no-attempt-after-commit", about, call.at);
    else if ((call.endedAt ?? Infinity) > served.endedAt + patience)
      violate("no-leak", `a call goes on after the end: ${about}`, call.at);
  }
}

function mayCut({ stopping, ended }: Running, { startedAt, endedAt, status }: Served): boolean {
  if (stopping?.how === "SIGKILL") return true;
  const { at } = stopping!;
  if (endedAt >= at + DRAIN - 100) return true;
  // Nobody has taken the connection any more, or it was kept and is closed just now.
  return status === 0 && startedAt >= at - 50 && ended !== undefined;
}

/** Before a server listens it looks whether the port is free by listening for a moment, and drops whoever comes then. */
function isStarting({ startedAt, endedAt, status }: Served, lives: readonly Running[]): boolean {
  return (
    status === 0 &&
    lives.some(({ readyAt }, place) => readyAt >= startedAt && (lives[place - 1]?.ended?.at ?? 0) <= endedAt)
  );
}

export function shown({ provider, fault, at, endedAt, how }: Call): string {
  return `${provider} ${fault} ${Math.round(at)}…${Math.round(endedAt ?? Infinity)} ${how}`;
}

/** One line per request, and it says what the client saw. */
export function checkLines(
  all: readonly Served[],
  lines: ReadonlyMap<string, readonly RequestLine[]>,
  { lives, calls, violate, lag }: CheckInit,
): void {
  for (const served of all) {
    const { asked, end, status, isEnding } = served;
    const own = lines.get(`chaos-${asked.index}`) ?? [];
    const [line] = own;
    const wrong = (what: string): void =>
      violate(
        "one-line",
        `#${asked.index} ${asked.dialect} ${asked.model}: ${end} ${status} at ${Math.round(served.endedAt)}, ${what}: ${own.map((each) => each.outcome).join(", ")}`,
        served.endedAt,
      );
    if (own.length > 1) wrong(`${own.length} lines`);
    if (!line) {
      const isKilled = lives.some(({ stopping, ended }) => {
        return (
          stopping?.how === "SIGKILL" &&
          stopping.at >= served.startedAt &&
          stopping.at - UNWRITTEN - lag(served.endedAt - UNWRITTEN) <= served.endedAt &&
          (ended?.at ?? Infinity) >= served.startedAt
        );
      });
      const isRefusedEarly = isEnding || end === "unconnected" || (end === "cut" && status === 0);
      const isUnread = end === "left" && calls.of(asked.index).length === 0;
      if (!isKilled && !isRefusedEarly && !isUnread) wrong("no line");
      continue;
    }
    const fits = {
      complete: /^ok$/,
      refused: new RegExp(`^(?:refused|failed|answered) ${status}`),
      failed: /^(?:failed|refused)/,
      left: /./,
      cut: /./,
      unconnected: /never/,
      malformed: /./,
      wrong: /./,
      endless: /./,
    }[end];
    if (!fits.test(line.outcome)) wrong("the line says");
  }
}

export function checkDisabled(disabled: readonly Disabled[], { calls, lives, violate, lag }: CheckInit): void {
  for (const { key, since, until } of disabled) {
    // Saved at most a second later: a proxy that is killed before may forget it.
    const isForgotten = lives.some(
      ({ stopping }) => stopping?.how === "SIGKILL" && stopping.at > since - 100 && stopping.at < since + 2000,
    );
    if (isForgotten) continue;
    const call = calls.all.find(
      (each) => each.key === key && each.at > since + HEARD + lag(since) && each.at < until - 50,
    );
    if (call) violate("disabled-rests", `${shown(call)}: disabled since ${Math.round(since)}`, call.at);
  }
}
