/**
 * Reads a streamed answer event by event: framing, envelope, what the probe finds, and how the stream ends. Whoever
 * gives the reader a sink need not know about any of them.
 */
import { ProxyError } from "../failure/error.ts";
import type { Probe } from "../protocols/types.ts";
import type { Timer } from "../runtime.ts";
import { frameSplitter, isComment, parseFrame } from "../wire/sse.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { Rewrite } from "./path.ts";
import type { Sink, Source } from "./source.ts";

/** Bytes of one event at most; larger ones are no event but a fault. */
const EVENT_LIMIT = 16 * 1024 * 1024;
/** Milliseconds for what may follow a finished answer (usage, a terminator) when the upstream does not close. */
const FINISH_GRACE = 2_000;
/** What may still come after the end before the connection is given up rather than kept for the next request. */
const DRAIN_TIME = 1_000;
const DRAIN_LIMIT = 64 * 1024;

const BLANK_LINE = Buffer.from("\n\n");

export interface FramesInit {
  readonly attempt: RunningAttempt;
  readonly source: Source;
  readonly probe: Probe;
  readonly rewrite: Rewrite | undefined;
  /** Reads what an error inside the stream means. */
  readonly inBand: (text: string, status: number | undefined) => ProxyError;
}

/** What is thrown by `frame` and `last` ends the stream as a failure. */
export interface FrameSink {
  /** One event to pass on, its blank line included. */
  frame(frame: Uint8Array): void;
  /** All events of one piece of the body have been given. */
  chunk?(): void;
  /** The answer is complete; what `frame` has kept back goes out now. */
  last(): void;
  /** Comes once, after everything else. */
  end(failure: ProxyError | undefined): void;
}

export interface FrameReader {
  /** Begins to read; the sink may hear of what has arrived already before this returns. */
  start(): void;
  /** Nothing more until `resume`; time that passes meanwhile is not the upstream's. */
  pause(): void;
  resume(): void;
  /** Ends the attempt; the sink hears nothing more. */
  cancel(reason: unknown): void;
}

export function readFrames(init: FramesInit, sink: FrameSink): FrameReader {
  const { attempt, source, probe, rewrite } = init;
  const { watchdog, timeouts, ctx } = attempt;
  const splitter = frameSplitter(EVENT_LIMIT);
  let ended = false;
  let closed = false;
  let paused = false;
  /** An event at or after the finish has come, which may be followed by another one. */
  let trailing = false;
  let waiting = false;
  let drained = 0;
  let drainTimer: Timer | undefined;

  const fail = (error: ProxyError): void => {
    if (ended) return;
    ended = true;
    splitter.release();
    attempt.cancel(error);
    source.cancel(error);
    sink.end(error);
  };
  const complete = (): void => {
    if (ended) return;
    try {
      sink.last();
    } catch (error) {
      fail(asUpstreamFault(error));
      return;
    }
    ended = true;
    splitter.release();
    if (!closed) drain();
    sink.end(undefined);
  };
  /** The answer is whole but the upstream has not closed it: let it, so that its connection can serve again. */
  const drain = (): void => {
    drainTimer = ctx.app.runtime.clock.timer(() => source.cancel(), DRAIN_TIME);
    source.resume();
  };
  /** Whoever has not closed it by now has had his time: he still counts it as a request of this key. */
  const completeLate = (): void => {
    complete();
    drainTimer?.cancel();
    source.cancel();
  };
  /** Sets the limit for what may come next. */
  const watch = (): void => {
    waiting = probe.finished;
    trailing = false;
    if (waiting) watchdog.grace(FINISH_GRACE, completeLate);
    else watchdog.idle(timeouts.idle);
  };

  const onFrame = (frame: Uint8Array): void => {
    if (ended) return;
    const verdict = probe.see(frame);
    if (probe.error) {
      fail(init.inBand(probe.error.text, probe.error.status));
      return;
    }
    // A comment proves a link and no intention to go on.
    if (probe.finished && !trailing) trailing = !isComment(frame);
    if (verdict !== "drop") sink.frame(frame);
    if (verdict === "last") complete();
  };
  const onUpstreamFrame = rewrite ? (frame: Uint8Array) => rewrite.frame(frame, onFrame) : onFrame;
  const closeWith = (closing: () => void): void => {
    closed = true;
    drainTimer?.cancel();
    if (!ended) closing();
  };

  const receiver: Sink = {
    data(chunk) {
      if (ended) {
        drained += chunk.byteLength;
        if (drained > DRAIN_LIMIT) source.cancel();
        return;
      }
      watchdog.progress();
      try {
        splitter.push(chunk, onUpstreamFrame);
        // What stands behind the end has been kept meanwhile.
        if (ended) splitter.release();
        else sink.chunk?.();
      } catch (error) {
        fail(asUpstreamFault(error));
      }
      // Another choice may begin after the last one has finished.
      if (!ended && !paused && (trailing || waiting !== probe.finished)) watch();
    },
    end: () =>
      closeWith(() => {
        try {
          const rest = splitter.rest();
          if (rest && isWhole(rest)) onUpstreamFrame(Buffer.concat([rest, BLANK_LINE]));
          if (!ended) rewrite?.end(onFrame);
        } catch (error) {
          fail(asUpstreamFault(error));
        }
        if (probe.finished) complete();
        else fail(unfinished());
      }),
    error: (error) =>
      closeWith(() => {
        // What breaks after the answer is complete takes nothing from it.
        if (probe.finished && !attempt.abandoned) complete();
        else fail(attempt.expired ?? error);
      }),
  };

  return {
    start: () => source.start(receiver),
    pause() {
      if (ended) return;
      paused = true;
      source.pause();
      watchdog.idle(0);
    },
    resume() {
      if (!paused || ended) return;
      paused = false;
      watch();
      source.resume();
    },
    cancel(reason) {
      if (ended) return;
      ended = true;
      splitter.release();
      attempt.cancel(reason);
      source.cancel(reason);
    },
  };
}

/** Whether only the blank line is missing. What breaks off is no event, and one that clients could not read. */
function isWhole(rest: Uint8Array): boolean {
  const data = parseFrame(rest)?.data ?? "";
  if (data.trim() === "[DONE]") return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}

function unfinished(): ProxyError {
  return new ProxyError({ kind: "upstream", message: "The upstream ended the stream before it was finished." });
}

function asUpstreamFault(error: unknown): ProxyError {
  if (ProxyError.is(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new ProxyError({
    kind: "upstream",
    message: `The upstream's stream could not be read: ${text}`,
    cause: error,
  });
}
