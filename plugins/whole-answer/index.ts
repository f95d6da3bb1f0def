/** Streams that the client gets only once they are complete, so that whatever breaks on the way is not seen. */
import { definePlugin, matchesGlob, type Plugin } from "waygate";

export interface WholeAnswerOptions {
  /** Globs over the names clients ask for; others are held only where the header asks for it. Default: all. */
  readonly models?: readonly string[];
  /** Bytes of one answer that are held at most; a larger one goes on live from there. Default 16 MiB. */
  readonly limit?: number;
}

/**
 * A cut, a stall or an error inside the stream is followed by the next candidate as long as nothing has been sent. A
 * client decides for itself with the header `x-waygate-whole-answer`, `on` or `off`; `on` works without this plugin too.
 */
export function wholeAnswer({ models, limit = 16 * 1024 * 1024 }: WholeAnswerOptions = {}): Plugin<readonly []> {
  const isHeld = models === undefined ? () => true : matchesGlob(models);
  return definePlugin({
    name: "whole-answer",
    hooks: {
      filter: {
        // Behind those that may ask for another model.
        order: "post",
        when: ({ stream, operation }) => stream && operation === "generate",
        handler(ctx) {
          const asked = ctx.req.headers.get("x-waygate-whole-answer");
          if (asked === "on" || (asked !== "off" && isHeld(ctx.model))) ctx.delivery = { ...ctx.delivery, hold: limit };
        },
      },
    },
    setup() {
      if (!(limit > 0)) throw new RangeError(`wholeAnswer(): limit is ${limit}; it must be a number of bytes above 0.`);
    },
  });
}
