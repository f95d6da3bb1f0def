/**
 * A streamed answer on its way to the client: held until it is known to be no failure, then passed on event by event.
 * One reader, no `tee()`; a client that reads slowly stops the upstream, a client that leaves ends it.
 */
import type { ProxyError } from "../failure/error.ts";
import type { OnEnd } from "./answer.ts";
import { type FramesInit, readFrames } from "./frames.ts";
import { type Outlet, StreamBody } from "./outlet.ts";
import type { StreamPath } from "./path.ts";

/** Bytes held before commit at most: an upstream that sends this much without content is taken at its word. */
const HOLD_LIMIT = 256 * 1024;

export interface StreamInit extends FramesInit {
  /** Absent: every event is passed on as its own bytes. */
  readonly path: StreamPath | undefined;
  /** The error as the last events of the client's protocol. */
  readonly renderError: (error: ProxyError) => string;
  readonly onEnd: OnEnd;
}

/** Resolves at the point of commit with the body for the client; rejects when the answer fails before it. */
export function openStream(init: StreamInit): Promise<StreamBody> {
  const { attempt, probe, path, onEnd } = init;
  const { ctx, timeouts, watchdog } = attempt;
  const { promise, resolve: commit, reject: giveUp } = Promise.withResolvers<StreamBody>();
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
    if (!outlet.write(bytes)) pause();
  };
  const pass = (bytes: Uint8Array): void => {
    if (run && run.buffer === bytes.buffer && run.byteOffset + run.byteLength === bytes.byteOffset) {
      run = new Uint8Array(run.buffer as ArrayBuffer, run.byteOffset, run.byteLength + bytes.byteLength);
    } else {
      flush();
      run = bytes;
    }
  };

  const open = (): void => {
    flush();
    committed = true;
    attempt.committed = true;
    attempt.firstByteAt = ctx.app.runtime.clock.now();
    watchdog.idle(timeouts.idle);
    const body = new StreamBody(
      (taker) => {
        outlet = taker;
        for (const bytes of held.splice(0)) write(bytes);
        ending?.(taker);
      },
      {
        drained() {
          if (!paused || !outlet) return;
          paused = false;
          reader.resume();
        },
        left(reason) {
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
    if (outlet) how(outlet);
    else ending = how;
  };

  const end = (failure: ProxyError | undefined): void => {
    over = true;
    if (!failure) {
      finish((taker) => taker.end());
      onEnd({ how: "complete" }, sent + (outlet ? 0 : heldBytes));
      return;
    }
    if (!committed) {
      giveUp(failure);
      return;
    }
    if (attempt.abandoned) {
      finish((taker) => taker.fail(failure));
      onEnd({ how: "cancelled" }, sent);
      return;
    }
    flush();
    const bytes = Buffer.from(init.renderError(failure));
    write(bytes);
    finish((taker) => taker.end());
    onEnd({ how: "failed", error: failure }, sent + (outlet ? 0 : heldBytes));
  };

  const reader = readFrames(init, {
    frame(frame) {
      const bytes = path ? path.rewrite(frame) : frame;
      if (bytes && bytes.byteLength > 0) pass(bytes);
      // Here and not once per chunk: how the network cuts a stream must not decide what the client gets.
      if (!committed && probe.started) open();
    },
    chunk() {
      flush();
      if (!committed && heldBytes > HOLD_LIMIT) open();
    },
    last() {
      flush();
      const tail = path?.tail();
      if (tail) write(tail);
      if (!committed) open();
    },
    end,
  });
  reader.start();
  return promise;
}
