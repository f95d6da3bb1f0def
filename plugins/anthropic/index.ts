/** Anthropic's own API, with API keys. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = [
  "claude-opus-5-5",
  "claude-opus-5",
  "claude-opus-4-8",
  "claude-sonnet-5-5",
  "claude-sonnet-5",
  "claude-sonnet-4-6",
  "claude-haiku-5-5",
  "claude-haiku-4-5",
] as const;

/**
 * Keys from `ANTHROPIC_API_KEY`. What a client of the Anthropic API says in `anthropic-version` and `anthropic-beta`
 * reaches it, names of next year included; what other clients say there does not.
 */
export const anthropic: ProviderFunction<"anthropic", (typeof models)[number]> = providerFunction({
  name: "anthropic",
  defaultBaseURL: "https://api.anthropic.com/v1",
  protocol: "anthropic",
  models,
});
