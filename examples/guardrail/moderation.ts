import { FetchError, ofetch } from "ofetch";
import { definePlugin, ProxyError } from "waygate";

export interface ModerationOptions {
  /** Is posted `{ "text": … }` and answers `{ "allowed": true }`, or false with a `reason`. */
  readonly url: string;
  /** Milliseconds until the service counts as away. */
  readonly timeout?: number;
  /** What becomes of requests while it is away. */
  readonly whenAway?: "refuse" | "allow";
}

/** Asks a service of yours whether a prompt may go on. */
export const moderation = ({ url, timeout = 2000, whenAway = "refuse" }: ModerationOptions) =>
  definePlugin({
    name: "moderation",
    hooks: {
      filter: {
        when: (ctx) => ctx.operation === "generate",
        async handler(ctx) {
          const parts = ctx.request.messages.flatMap((message) => message.parts);
          const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
          const verdict = await ofetch<{ allowed: boolean; reason?: string }>(url, {
            method: "POST",
            body: { text },
            // Gives up when the client does, too.
            signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(timeout)]),
            retry: 0,
          }).catch((error: unknown) => {
            if (ctx.signal.aborted)
              throw new ProxyError({ kind: "aborted", message: "The client has left", cause: error });
            if (!(error instanceof FetchError)) throw error;
            ctx.log.warn(`The moderation service is away: ${error.message}`);
            return undefined;
          });
          if (verdict?.allowed === true || (verdict === undefined && whenAway === "allow")) return;
          throw verdict === undefined
            ? new ProxyError({ kind: "overloaded", scope: "request", message: "Prompts cannot be checked now" })
            : new ProxyError({
                kind: "invalid_request",
                code: "prompt_rejected",
                message: verdict.reason ?? "This prompt is not allowed",
              });
        },
      },
    },
  });
