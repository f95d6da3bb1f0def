/** Sends embeddings that are asked for at the same time in one call. */
import { type App, definePlugin, type Plugin } from "waygate";
import { type Batch, createBatch } from "./batch.ts";
import { keyOf, readMember } from "./member.ts";

export interface EmbedBatchOptions {
  /** Inputs in one call at most. Gemini takes 100, OpenAI 2048. Default 64. */
  readonly size?: number;
  /** Milliseconds the first of a batch waits for others. Default 100. */
  readonly wait?: number;
}

/**
 * Requests for the same model of a provider with the same options share a call, whichever keys were chosen for them: it
 * goes out with the key of the first. Each gets its own vectors and its share of the tokens. Where a batch fails, those
 * with another key than the one it was sent with ask again by themselves, and all do when the upstream refuses what one
 * of them wants embedded. What stands behind it in the list of plugins and hooks into `call` does not see the batches.
 */
export function embedBatch(options: EmbedBatchOptions = {}): Plugin<readonly []> {
  const { size = 64, wait = 100 } = options;
  // The same plugin may be part of several proxies.
  const waiting = new WeakMap<App, Map<string, Batch>>();
  const batchesOf = (app: App): Map<string, Batch> => {
    let batches = waiting.get(app);
    if (!batches) waiting.set(app, (batches = new Map()));
    return batches;
  };

  return definePlugin({
    name: "embed-batch",
    hooks: {
      call: {
        when: ({ operation }) => operation === "embed" || operation === "embed-batch",
        handler(attempt, next) {
          const member = readMember(attempt, next);
          if (!member || member.request.inputs.length >= size) return next();
          const batches = batchesOf(attempt.ctx.app);
          const key = keyOf(member);
          let batch = batches.get(key);
          if (batch && batch.inputs + member.request.inputs.length > size) {
            batch.close();
            batch = undefined;
          }
          if (!batch) {
            const made = createBatch(attempt.ctx.app, wait, () => {
              if (batches.get(key) === made) batches.delete(key);
            });
            batches.set(key, (batch = made));
          }
          const answer = batch.join(member);
          if (batch.inputs >= size) batch.close();
          return answer;
        },
      },
    },
  });
}
