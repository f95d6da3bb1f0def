/** Goes on with a stream that breaks in the middle, with models that let a beginning be put into their mouth. */
import { type Attempt, type Candidate, definePlugin, matchesGlob, type Plugin, ProxyError } from "waygate";
import { type Prefill, withPrefill } from "./prefill.ts";

export type { Prefill };

export interface ContinuationOptions {
  /**
   * How models are told to go on, by globs over `provider/model`; the first that fits counts. Only those named here are
   * asked: a model that does not take a beginning refuses the request, or begins again.
   */
  readonly models: { readonly [glob: string]: Prefill };
  /** How often one answer may be gone on with. Default 2. */
  readonly times?: number;
}

/**
 * After a cut, a stall or an error inside a stream that has begun, the next candidate is asked to go on behind the text
 * so far, and the client's stream goes on as if nothing had been. Answers that hold anything but text (tool calls,
 * reasoning, refusals) are not gone on with, nor are requests for several answers, for JSON of a schema or with
 * reasoning switched on. Requests that could be gone on with do not take the byte path.
 */
export function continuation({ models, times = 2 }: ContinuationOptions): Plugin<readonly []> {
  const rules = Object.entries(models).map(([glob, how]) => ({ fits: matchesGlob([glob]), how }));
  const howOf = ({ provider, model }: Pick<Candidate, "provider" | "model">): Prefill | undefined =>
    rules.find(({ fits }) => fits(`${provider.name}/${model}`))?.how;

  return definePlugin({
    name: "continuation",
    hooks: {
      filter: {
        order: "post",
        when: ({ stream, operation }) => stream && operation === "generate",
        handler(ctx) {
          ctx.delivery = {
            ...ctx.delivery,
            continuation: {
              times,
              accepts: (candidate) => howOf(candidate) !== undefined && isPlain(ctx.request),
            },
          };
        },
      },
      transform(attempt) {
        if (attempt.soFar === undefined) return;
        const { body } = attempt.wire;
        const how = howOf(attempt);
        const filled = body && how && withPrefill(body, attempt.protocol.id, attempt.soFar, how);
        if (!filled) throw unfit(attempt);
        attempt.wire = { ...attempt.wire, body: filled };
      },
    },
  });
}

/** Models that reason first, or are held to a form, do not take a beginning; nor is there place for two. */
function isPlain({ reasoning, format, messages }: Attempt["ctx"]["request"]): boolean {
  if (messages.at(-1)?.role === "assistant") return false;
  const thinks = reasoning !== undefined && reasoning.effort !== "none" && reasoning.budget !== 0;
  return !thinks && format === undefined;
}

function unfit({ provider, model, protocol }: Attempt): ProxyError {
  return new ProxyError({
    kind: "model_unavailable",
    scope: "request",
    message: `${provider.name}/${model} cannot go on with this answer: ${protocol.id} has no place for its beginning here.`,
  });
}
