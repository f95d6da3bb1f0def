/**
 * The answer to what was passed on: its bytes, whatever they are, as fast as the client takes them. Only the beginning
 * of JSON is held back, since an upstream may say in it that it failed.
 */
import type { ProxyError } from "../../failure/error.ts";
import type { Json, Usage } from "../../protocols/canonical.ts";
import { isEmpty, isObject, isText } from "../../protocols/json.ts";
import { responseHeaders } from "../../transport/headers.ts";
import { type Answer, type AnswerEnd, failedInside, type OnEnd } from "../answer.ts";
import type { RunningAttempt } from "../attempt.ts";
import { type Outlet, StreamBody } from "../outlet.ts";
import { readAll, type Source } from "../source.ts";
import { usageAtEnd, usageOf } from "./usage.ts";

/** Bytes of JSON that are looked at before anything is sent; larger ones are an answer, as errors are short. */
const LOOK = 256 * 1024;
/** Bytes that may wait for a client that has not begun to read. */
const AHEAD = 256 * 1024;
/** Bytes at the end of a larger answer that its usage is looked for in. */
const TAIL = 8 * 1024;
/** Bytes of a page in place of an answer that are read. */
const PAGE = 1024 * 1024;

/** Resolves at the point of commit; rejects with a `ProxyError` when there is no answer. */
export async function receiveForward(attempt: RunningAttempt, source: Source, onEnd: OnEnd): Promise<Answer> {
  const { ctx, timeouts, watchdog } = attempt;
  const { clock } = ctx.app.runtime;
  const type = (source.headers["content-type"] ?? "").toLowerCase();
  watchdog.idle(timeouts.idle);
  if (type.includes("text/html")) {
    const page = await readAll(source, PAGE, () => watchdog.progress());
    throw failedInside(attempt, source, page.toString("utf8"));
  }
  const isJson = /^application\/(?:[\w.-]+\+)?json\b/.test(type);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  /** What there is before anybody takes it. */
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let sent = 0;
  let tail: Buffer = Buffer.alloc(0);
  let usage: Usage | undefined;
  let outlet: Outlet | undefined;
  let paused = false;
  let over = false;
  /** What ended the answer before anybody took it. */
  let ending: ((taker: Outlet) => void) | undefined;

  const commit = (body: Answer["body"], headers: Answer["headers"]): void => {
    attempt.committed = true;
    attempt.firstByteAt = clock.now();
    resolve({
      status: source.status,
      headers: Object.assign(responseHeaders(source.headers), headers),
      body,
      path: "bytes",
      seen: () => ({ usage, finish: undefined }),
    });
  };
  const pause = (): void => {
    if (paused) return;
    paused = true;
    source.pause();
    // Time that passes while the client reads is not the upstream's.
    watchdog.idle(0);
  };
  const write = (bytes: Uint8Array): void => {
    if (outlet) {
      sent += bytes.byteLength;
      if (!outlet.write(bytes)) pause();
      return;
    }
    held.push(bytes);
    heldBytes += bytes.byteLength;
    if (attempt.committed && heldBytes > AHEAD) pause();
  };
  const stream = (): StreamBody =>
    new StreamBody(
      (taker) => {
        outlet = taker;
        for (const bytes of held.splice(0)) write(bytes);
        ending?.(taker);
      },
      {
        drained() {
          if (!paused || !outlet || over) return;
          paused = false;
          watchdog.idle(timeouts.idle);
          source.resume();
        },
        left(reason) {
          if (over) return;
          over = true;
          attempt.cancel(reason);
          source.cancel(reason);
          onEnd({ how: "cancelled" }, sent);
        },
      },
    );
  /** Ends what is taken now, or as soon as it is. */
  const close = (end: AnswerEnd, how: (taker: Outlet) => void): void => {
    over = true;
    if (outlet) how(outlet);
    else ending = how;
    onEnd(end, sent + (outlet ? 0 : heldBytes));
  };

  source.start({
    data(chunk) {
      if (over) return;
      watchdog.progress();
      if (isJson) tail = lastOf(tail, chunk);
      write(chunk);
      if (attempt.committed || (isJson && heldBytes <= LOOK)) return;
      const length = source.headers["content-length"];
      commit(stream(), length === undefined ? {} : { "content-length": length });
    },
    end() {
      if (over) return;
      if (attempt.committed) {
        if (isJson) usage = usageAtEnd(tail.toString("utf8"));
        close({ how: "complete" }, (taker) => taker.end());
        return;
      }
      over = true;
      const bytes = Buffer.concat(held);
      if (isJson && source.status !== 204) {
        const json = parse(bytes.toString("utf8"));
        if (json === undefined || isError(json)) {
          reject(failedInside(attempt, source, bytes.toString("utf8")));
          return;
        }
        usage = isObject(json) ? usageOf(json["usage"]) : undefined;
      }
      commit(bytes, {});
      onEnd({ how: "complete" }, bytes.byteLength);
    },
    error(error: ProxyError) {
      if (over) return;
      const reason = attempt.expired ?? error;
      if (!attempt.committed) {
        over = true;
        reject(reason);
      } else {
        close(attempt.abandoned ? { how: "cancelled" } : { how: "failed", error: reason }, (taker) =>
          taker.fail(reason),
        );
      }
    },
  });
  return promise;
}

function lastOf(tail: Buffer, chunk: Uint8Array): Buffer {
  const last = chunk.byteLength >= TAIL ? chunk.subarray(-TAIL) : Buffer.concat([tail, chunk]).subarray(-TAIL);
  return Buffer.from(last.buffer, last.byteOffset, last.byteLength);
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Half an answer, or none: the caller takes it for a failure.
    return undefined;
  }
}

/**
 * True for an error though the status said success. Narrower than for conversations: nobody knows the answers of these
 * routes to come, so only what cannot be meant otherwise counts.
 */
function isError(json: Json): boolean {
  if (!isObject(json)) return false;
  const { error, type, object } = json;
  return isText(error) || (isObject(error) && !isEmpty(error)) || [type, object].includes("error");
}
