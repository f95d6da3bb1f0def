/** Lets a plugin see the bytes of an answer as the client gets them, without holding any of them up. */
import type { Attempt } from "../plugin/context.ts";
import type { Answer } from "./answer.ts";
import type { RequestState } from "./context.ts";
import { StreamBody } from "./outlet.ts";
import type { Source } from "./source.ts";

/** Tells the request's tap of the answer. A tap that throws is told no more, and the answer goes on. */
export function tapAnswer({ ctx }: RequestState, { status, headers, body }: Answer): void {
  const tap = ctx.delivery?.tap;
  if (!tap) return;
  const see = guarded(ctx.log);
  see(() => tap.head?.(status, headers));
  if (body instanceof StreamBody) body.tap((bytes) => see(() => tap.data(bytes)));
  else see(() => tap.data(typeof body === "string" ? Buffer.from(body) : body));
}

/** The upstream's answer, seen by the request's tap where that wants it. */
export function tapSource({ ctx }: RequestState, attempt: Attempt, source: Source): Source {
  const tap = ctx.delivery?.tap;
  if (!tap?.upstream) return source;
  const see = guarded(ctx.log);
  let look: ((bytes: Uint8Array) => void) | undefined;
  see(() => (look = tap.upstream?.(attempt, source.status, source.headers)));
  if (!look) return source;
  const seen = look;
  return {
    status: source.status,
    headers: source.headers,
    start: (sink) =>
      source.start({
        data(bytes) {
          see(() => seen(bytes));
          sink.data(bytes);
        },
        end: () => sink.end(),
        error: (error) => sink.error(error),
      }),
    pause: () => source.pause(),
    resume: () => source.resume(),
    cancel: (reason) => source.cancel(reason),
  };
}

function guarded(log: RequestState["ctx"]["log"]): (tell: () => void) => void {
  let failed = false;
  return (tell) => {
    if (failed) return;
    try {
      tell();
    } catch (error) {
      failed = true;
      log.error("A tap on an answer failed:", error);
    }
  };
}
