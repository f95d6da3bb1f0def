/**
 * A streamed answer on its way to the client: held until it is known to be no failure, then passed on event by event.
 * One reader, no `tee()`; a client that reads slowly stops the upstream, a client that leaves ends it.
 */
import type { ProxyError } from "../failure/error.ts";
import type { Probe } from "../protocols/types.ts";
import type { OnEnd } from "./answer.ts";
import { type FramesInit, readFrames } from "./frames.ts";
import { type KeepAlive, type Pulse, startPulse } from "./keep-alive.ts";
import { handOver, type Outlet, type OutletEvents, StreamBody } from "./outlet.ts";
import type { StreamPath } from "./path.ts";
import type { Resume } from "./resume.ts";

/** Bytes held before commit at most: an upstream that sends this much without content is taken at its word. */
const HOLD_LIMIT = 256 * 1024;

export interface StreamInit extends FramesInit {
  /** Absent: every event is passed on as its own bytes. */
  readonly path: StreamPath | undefined;
  /** Commit at the finish, or when the answer has this many bytes. Absent: at the first content. */
  readonly hold: number | undefined;
  /** What an answer that says nothing fails with. Absent: it is one like any other. */
  readonly empty: ((probe: Probe) => ProxyError | undefined) | undefined;
  /** What the client hears when nothing comes for long; absent = nothing. */
  readonly alive: KeepAlive | undefined;
  /** Who goes on with an answer that breaks after commit. */
  readonly resume: Resume | undefined;
  /** The error as the last events of the client's protocol. */
  readonly renderError: (error: ProxyError) => string;
  readonly onEnd: OnEnd;
}

/** Resolves at the point of commit with the body for the client; rejects when the answer fails before it. */
export function openStream(init: StreamInit): Promise<StreamBody> {
  const { attempt, probe, path, hold, onEnd } = init;
  const { ctx, timeouts, watchdog } = attempt;
  const { promise, resolve: commit, reject: giveUp } = Promise.withResolvers<StreamBody>();
  /** Events before commit, as they came: what looks inside them must not see those of an answer that is given up. */
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  /** What there is before anybody takes it. */
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let sent = 0;
  let paused = false;
  let committed = false;
  let outlet: Outlet | undefined;
  /** A stretch of neighbouring frames of one chunk, so that a chunk nobody touches is passed on as it is. */
  let run: Uint8Array | undefined;
  let over = false;
  /** What ended the answer before anybody took it. */
  let ending: ((outlet: Outlet) => void) | undefined;
  let pulse: Pulse | undefined;
  /** Who has the rest of the answer when this attempt could not give it. */
  let heir: OutletEvents | undefined;

  const pause = (): void => {
    if (paused) return;
    paused = true;
    reader.pause();
  };
  const flush = (): void => {
    if (run) write(run);
    run = undefined;
  };
  const write = (bytes: Uint8Array): void => {
    if (!outlet) {
      held.push(bytes);
      heldBytes += bytes.byteLength;
      if (committed && heldBytes > HOLD_LIMIT) pause();
      return;
    }
    sent += bytes.byteLength;
    pulse?.heard();
    if (!outlet.write(bytes)) pause();
  };
  const pass = (frame: Uint8Array): void => {
    const bytes = path ? path.rewrite(frame) : frame;
    if (!bytes || bytes.byteLength === 0) return;
    if (run && run.buffer === bytes.buffer && run.byteOffset + run.byteLength === bytes.byteOffset) {
      run = new Uint8Array(run.buffer as ArrayBuffer, run.byteOffset, run.byteLength + bytes.byteLength);
    } else {
      flush();
      run = bytes;
    }
  };

  /** The first content is there, whether or not the client gets it yet: from here on only silence is too slow. */
  const begin = (): void => {
    if (attempt.firstByteAt !== undefined) return;
    attempt.firstByteAt = ctx.app.runtime.clock.now();
    watchdog.idle(timeouts.idle);
  };
  const release = (): void => {
    const frames = kept;
    kept = [];
    for (const frame of frames) pass(frame);
  };
  const open = (): void => {
    attempt.comeLast();
    // Whatever throws here still fails an answer of which nobody has seen anything.
    release();
    flush();
    committed = true;
    attempt.committed = true;
    begin();
    const body = new StreamBody(
      (taker) => {
        outlet = taker;
        for (const bytes of held.splice(0)) write(bytes);
        if (ending) return ending(taker);
        if (!init.alive) return;
        pulse = startPulse(ctx.app.runtime.clock, init.alive, (sign) => {
          // A client that does not read is not waiting.
          if (!paused && !taker.write(sign)) pause();
        });
      },
      {
        drained() {
          if (heir) heir.drained();
          if (!paused || !outlet) return;
          paused = false;
          reader.resume();
        },
        left(reason) {
          pulse?.stop();
          if (heir) return heir.left(reason);
          // Also said of an answer that is complete while its last bytes still wait for the client.
          if (over) return;
          over = true;
          reader.cancel(reason);
          onEnd({ how: "cancelled" }, sent);
        },
      },
    );
    commit(body);
  };
  /** Ends what is taken now, or as soon as it is. */
  const finish = (how: (outlet: Outlet) => void): void => {
    pulse?.stop();
    if (outlet) how(outlet);
    else ending = how;
  };
  const breakOff = (failure: ProxyError): void => {
    if (attempt.abandoned) {
      finish((taker) => taker.fail(failure));
      onEnd({ how: "cancelled" }, sent);
      return;
    }
    write(Buffer.from(init.renderError(failure)));
    finish((taker) => taker.end());
    onEnd({ how: "failed", error: failure }, sent + (outlet ? 0 : heldBytes));
  };

  const end = (failure: ProxyError | undefined): void => {
    over = true;
    if (!failure) {
      finish((taker) => taker.end());
      onEnd({ how: "complete" }, sent + (outlet ? 0 : heldBytes));
      return;
    }
    if (!committed) {
      // Whoever keeps the attempt must not keep an answer that nobody gets.
      kept = [];
      run = undefined;
      giveUp(failure);
      return;
    }
    flush();
    const resumed = attempt.abandoned
      ? undefined
      : init.resume?.(failure, sent + (outlet ? 0 : heldBytes), probe.usage);
    if (!resumed) return breakOff(failure);
    heir = { drained() {}, left: resumed.cancel };
    resumed.body.then(
      (body) => finish((taker) => (heir = handOver(body, taker))),
      () => {
        heir = undefined;
        // What the client is told is why its answer broke, not why nobody could go on with it.
        breakOff(failure);
      },
    );
  };

  const reader = readFrames(init, {
    frame(frame) {
      if (committed) return pass(frame);
      kept.push(frame);
      keptBytes += frame.byteLength;
      if (!probe.started) return;
      // A finish alone is known for an answer when nothing more can come.
      if (init.empty && probe.said === false) return;
      // Here and not once per chunk: how the network cuts a stream must not decide what the client gets.
      if (hold === undefined) open();
      else begin();
    },
    chunk() {
      flush();
      if (!committed && keptBytes > (hold ?? HOLD_LIMIT)) open();
    },
    last() {
      const empty = committed ? undefined : init.empty?.(probe);
      if (empty) throw empty;
      release();
      flush();
      const tail = path ? path.tail() : probe.unsaid && Buffer.from(probe.unsaid);
      if (tail) write(tail);
      if (!committed) open();
    },
    end,
  });
  reader.start();
  return promise;
}
