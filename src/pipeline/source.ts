/** One way to read any upstream answer: the transport's own push stream, or the body of a Response a plugin made. */
import { ProxyError } from "../failure/error.ts";
import type { CancelSignal } from "../runtime.ts";
import { type Sink, type UpstreamStream, upstreamOf } from "../transport/response.ts";

export type { Sink } from "../transport/response.ts";
export type Source = UpstreamStream;

/** The answer as a push stream. Reading begins with `start`; `signal` ends it. */
export function sourceOf(response: Response, signal: CancelSignal): Source {
  return upstreamOf(response) ?? bodySource(response, signal);
}

function bodySource(response: Response, signal: CancelSignal): Source {
  let paused: Promise<void> | undefined;
  let unpause: (() => void) | undefined;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let open = true;

  const release = (reason: unknown): void => {
    unpause?.();
    (reader ?? response.body)?.cancel(reason).catch(ignoreAfterCancel);
  };
  const run = async (sink: Sink): Promise<void> => {
    const onAbort = (): void => {
      if (!open) return;
      open = false;
      sink.error(new ProxyError({ kind: "aborted", message: "The attempt was given up.", cause: signal.reason }));
      release(signal.reason);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    try {
      reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
      while (open && reader) {
        const { done, value } = await reader.read();
        if (done) break;
        if (open) sink.data(value);
        if (paused) await paused;
      }
      if (open) {
        open = false;
        sink.end();
      }
    } catch (error) {
      if (!open) return;
      open = false;
      const text = error instanceof Error ? error.message : String(error);
      sink.error(
        ProxyError.is(error)
          ? error
          : new ProxyError({ kind: "network", message: `The answer broke off: ${text}`, cause: error }),
      );
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };

  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    start: (sink) => void run(sink),
    pause() {
      paused ??= new Promise((resolve) => (unpause = resolve));
    },
    resume() {
      unpause?.();
      paused = unpause = undefined;
    },
    cancel(reason) {
      open = false;
      release(reason);
    },
  };
}

/** Nobody reads a body that was cancelled, so what its producer then throws concerns nobody. */
function ignoreAfterCancel(): void {}

/** Reads all of it. Rejects above `limit` bytes, and when the upstream breaks off. */
export function readAll(source: Source, limit: number, onData: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    source.start({
      data(chunk) {
        onData();
        size += chunk.byteLength;
        chunks.push(chunk);
        if (size <= limit) return;
        source.cancel();
        reject(tooLarge(limit));
      },
      end: () => resolve(chunks.length === 1 ? asBuffer(chunks[0]!) : Buffer.concat(chunks)),
      error: reject,
    });
  });
}

/**
 * The first bytes of a failed answer, for reading what it means; the rest is not waited for. `limit` is given what ends
 * the reading, for an upstream that leaves its answer open.
 */
export function readSome(source: Source, most: number, limit: (stop: () => void) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const done = (): void => resolve(Buffer.concat(chunks).subarray(0, most).toString("utf8"));
    const stop = (): void => {
      source.cancel();
      done();
    };
    limit(stop);
    source.start({
      data(chunk) {
        size += chunk.byteLength;
        chunks.push(chunk);
        if (size >= most) stop();
      },
      end: done,
      // A failed answer that breaks off has still said its status; what came of its body is enough.
      error: (error) => (error.kind === "aborted" ? reject(error) : done()),
    });
  });
}

/** The error for an answer of more than `limit` bytes. */
export function tooLarge(limit: number): ProxyError {
  return new ProxyError({ kind: "upstream", message: `The upstream's answer is larger than ${limit} bytes.` });
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
