/**
 * What the API accepts differs by the generation of the model, and the API has no field that says so: the generation is
 * read from the name. Source: Anthropic's model overview, "Adaptive thinking", and the notes on `temperature` in the
 * Messages reference. A name that tells nothing gets what the widest range of models and compatible servers take.
 */

export interface ModelTraits {
  /** Thinking is asked for by effort; a budget in tokens is refused or deprecated. */
  readonly adaptive: boolean;
  /** `temperature`, `top_p` and `top_k` can be set. */
  readonly sampling: boolean;
  /** `strict` tools are known. */
  readonly strict: boolean;
  /** Tokens an answer may have at most, as far as all models of the generation go. */
  readonly maxTokens: number;
  /** `maxTokens` for an answer that begins with thinking. */
  readonly maxThinking: number;
}

const unknown: ModelTraits = { adaptive: false, sampling: true, strict: false, maxTokens: 8192, maxThinking: 32_000 };

export function traitsOf(model: string): ModelTraits {
  const generation = generationOf(model);
  if (generation === undefined) return unknown;
  return {
    adaptive: generation >= 4.06,
    sampling: generation <= 4.06,
    strict: generation >= 4.05,
    maxTokens: generation < 3.05 ? 4096 : generation < 3.07 ? 8192 : 32_000,
    maxThinking: 32_000,
  };
}

/** `claude-3-7-sonnet-20250219` = 3.07, `claude-opus-4-20250514` = 4, `vendor/claude-sonnet-4.6` = 4.06. */
function generationOf(model: string): number | undefined {
  const found = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  return found ? Number(found[1]) + Number(found[2] ?? 0) / 100 : undefined;
}
