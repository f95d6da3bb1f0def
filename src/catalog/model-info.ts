/** What is known about a model. Everything that is not known is null, never zero or false. */

/** USD per token. */
export interface Prices {
  readonly input: number | null;
  readonly output: number | null;
  /** Input tokens read from a prompt cache; null when the provider has no separate price for them. */
  readonly cacheRead: number | null;
  /** Input tokens written to a prompt cache; null when the provider has no separate price for them. */
  readonly cacheWrite: number | null;
}

/** Prices of a whole request once its input is longer than `above` tokens. */
export interface PriceTier extends Prices {
  readonly above: number;
}

export interface Capabilities {
  readonly tools: boolean | null;
  readonly toolChoice: boolean | null;
  readonly reasoning: boolean | null;
  readonly vision: boolean | null;
  readonly systemMessages: boolean | null;
  readonly promptCaching: boolean | null;
  readonly assistantPrefill: boolean | null;
  readonly structuredOutput: boolean | null;
  readonly temperature: boolean | null;
  readonly attachments: boolean | null;
  /** Reasoning between tool calls comes back in a field of its own. */
  readonly interleaved: boolean | null;
}

/**
 * How sure the entry is: `exact` is this provider's model of this name, `variant` the same model under a dated or
 * `-latest` name, `vendor` the description its maker gives, without a price because another one sells it here.
 */
export type Match = "exact" | "variant" | "vendor";

export interface ModelInfo {
  readonly match: Match;
  /** Provider and model as the catalogue names them. */
  readonly provider: string;
  readonly model: string;
  /** Tokens of input and output together, where the provider counts so; else of input. */
  readonly contextLength: number | null;
  readonly maxOutputTokens: number | null;
  readonly prices: Prices | null;
  /** Ascending by `above`. */
  readonly priceTiers: readonly PriceTier[];
  /** `text`, `image`, `audio`, `video`, `pdf`. */
  readonly inputModalities: readonly string[] | null;
  readonly outputModalities: readonly string[] | null;
  readonly capabilities: Capabilities;
  /** `chat` or `embedding`. */
  readonly mode: string | null;
  readonly family: string | null;
  /** `YYYY-MM` or `YYYY-MM-DD`, like the next one. */
  readonly knowledgeCutoff: string | null;
  readonly releaseDate: string | null;
  readonly openWeights: boolean | null;
  /** `alpha`, `beta` or `deprecated`. */
  readonly status: string | null;
}
