/**
 * A streamed answer on its way to the client: held until it is known to be no failure, then passed on event by event.
 * One reader, no `tee()`; a client that reads slowly stops the upstream, a client that leaves ends it.
 */
import type { ProxyError } from "../failure/error.ts";
import { encodeFrame, type Sse } from "../wire/sse.ts";
import type { OnEnd } from "./answer.ts";
import { type FramesInit, readFrames } from "./frames.ts";
import type { StreamPath } from "./path.ts";

/** Bytes held before commit at most: an upstream that sends this much without content is taken at its word. */
const HOLD_LIMIT = 256 * 1024;
/** Bytes that may wait for a slow client before the upstream is stopped. */
const HIGH_WATER = 64 * 1024;

export interface StreamInit extends FramesInit {
  /** Absent: every event is passed on as its own bytes. */
  readonly path: StreamPath | undefined;
  /** The error as the last events of the client's protocol. */
  readonly renderError: (error: ProxyError) => readonly Sse[];
  readonly onEnd: OnEnd;
}

/** Resolves at the point of commit with the body for the client; rejects when the answer fails before it. */
export function openStream(init: StreamInit): Promise<ReadableStream<Uint8Array>> {
  const { attempt, probe, path, onEnd } = init;
  const { ctx, timeouts, watchdog } = attempt;
  const { promise, resolve: commit, reject: giveUp } = Promise.withResolvers<ReadableStream<Uint8Array>>();
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let sent = 0;
  let paused = false;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** A stretch of neighbouring frames of one chunk, so that a chunk nobody touches is passed on as it is. */
  let run: Uint8Array | undefined;
  let over = false;

  const flush = (): void => {
    if (run) write(run);
    run = undefined;
  };
  const write = (bytes: Uint8Array): void => {
    if (!controller) {
      held.push(bytes);
      heldBytes += bytes.byteLength;
      return;
    }
    sent += bytes.byteLength;
    controller.enqueue(bytes);
    if ((controller.desiredSize ?? 0) <= 0 && !paused) {
      paused = true;
      reader.pause();
    }
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
    attempt.committed = true;
    attempt.firstByteAt = ctx.app.runtime.clock.now();
    watchdog.idle(timeouts.idle);
    const body = new ReadableStream<Uint8Array>(
      {
        start(streamController) {
          controller = streamController;
          for (const bytes of held.splice(0)) write(bytes);
        },
        pull() {
          if (!paused) return;
          paused = false;
          reader.resume();
        },
        cancel(reason) {
          // Also called for an answer that is complete while its last bytes still wait for the client.
          if (over) return;
          over = true;
          reader.cancel(reason);
          onEnd({ how: "cancelled" }, sent);
        },
      },
      { highWaterMark: HIGH_WATER, size: (chunk) => chunk.byteLength },
    );
    commit(body);
  };

  const end = (failure: ProxyError | undefined): void => {
    over = true;
    if (!failure) {
      controller?.close();
      onEnd({ how: "complete" }, sent);
      return;
    }
    if (!controller) {
      giveUp(failure);
      return;
    }
    if (attempt.abandoned) {
      controller.error(failure);
      onEnd({ how: "cancelled" }, sent);
      return;
    }
    flush();
    const bytes = Buffer.from(init.renderError(failure).map(encodeFrame).join(""));
    sent += bytes.byteLength;
    controller.enqueue(bytes);
    controller.close();
    onEnd({ how: "failed", error: failure }, sent);
  };

  const reader = readFrames(init, {
    frame(frame) {
      const bytes = path ? path.rewrite(frame) : frame;
      if (bytes && bytes.byteLength > 0) pass(bytes);
      // Here and not once per chunk: how the network cuts a stream must not decide what the client gets.
      if (!controller && probe.started) open();
    },
    chunk() {
      flush();
      if (!controller && heldBytes > HOLD_LIMIT) open();
    },
    last() {
      flush();
      const tail = path?.tail();
      if (tail) write(tail);
      if (!controller) open();
    },
    end,
  });
  reader.start();
  return promise;
}
