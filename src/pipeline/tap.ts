/** Lets a plugin see the bytes of an answer as the client gets them, without holding any of them up. */
import type { Answer } from "./answer.ts";
import type { RequestState } from "./context.ts";
import { StreamBody } from "./outlet.ts";

/** Tells the request's tap of the answer. A tap that throws is told no more, and the answer goes on. */
export function tapAnswer({ ctx }: RequestState, { status, headers, body }: Answer): void {
  const tap = ctx.delivery?.tap;
  if (!tap) return;
  const see = guarded(ctx.log);
  see(() => tap.head?.(status, headers));
  if (body instanceof StreamBody) body.tap((bytes) => see(() => tap.data(bytes)));
  else see(() => tap.data(typeof body === "string" ? Buffer.from(body) : body));
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
