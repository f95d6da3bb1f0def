/** Asks again when an answer says nothing: some upstreams end a turn without a word, and agents then stop silently. */
import { definePlugin, matchesGlob, type Plugin } from "waygate";

export interface EmptyAnswerOptions {
  /** Empty answers of one request after which the next one is taken for what the model means. Default 1. */
  readonly retries?: number;
  /** Globs over the names clients ask for. Default: all. */
  readonly models?: readonly string[];
}

/**
 * An answer without content and without a call fails like a 5xx, unless a limit of tokens or a filter is why. It costs no
 * time: nothing of a stream is sent before its first content in any case.
 */
export function emptyAnswer({ retries = 1, models }: EmptyAnswerOptions = {}): Plugin<readonly []> {
  const isMeant = models === undefined ? () => true : matchesGlob(models);
  return definePlugin({
    name: "empty-answer",
    hooks: {
      filter: {
        // Behind those that may ask for another model.
        order: "post",
        when: ({ operation }) => operation === "generate",
        handler(ctx) {
          if (isMeant(ctx.model)) ctx.delivery = { ...ctx.delivery, retryEmpty: retries };
        },
      },
    },
    setup() {
      if (!(Number.isInteger(retries) && retries > 0)) {
        throw new RangeError(`emptyAnswer(): retries is ${retries}; it must be a whole number above 0.`);
      }
    },
  });
}
