/** OpenAI's own API. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = [
  "gpt-5",
  "gpt-5-mini",
  "gpt-5-nano",
  "gpt-4.1",
  "gpt-4.1-mini",
  "gpt-4o",
  "gpt-4o-mini",
  "o3",
  "o4-mini",
] as const;

/** OpenAI API docs, "Models": these have no chat completions. */
const responsesOnly = /^(?:o\d+-pro|gpt-5(?:\.\d+)?-pro|computer-use-)|codex(?:-|$)|-deep-research(?:-|$)/;

/**
 * Keys from `OPENAI_API_KEY`. Organisation and project may be stated per key. A client of the Responses API is answered
 * by it, others by chat completions where the model has them; for a `baseURL` with only one of the two state `protocol`.
 */
export const openai: ProviderFunction<"openai", (typeof models)[number]> = providerFunction({
  name: "openai",
  defaultBaseURL: "https://api.openai.com/v1",
  protocol: (model, client) =>
    client === "openai-responses" || responsesOnly.test(model) ? "openai-responses" : "openai-chat",
  models,
  // Reasoning models refuse the old name, all chat models take the new one (OpenAI API reference, "max_tokens").
  rename: { max_tokens: "max_completion_tokens" },
  // Decision 8.
  drop: ["messages.*.reasoning_content", "messages.*.reasoning"],
  tidyTools: true,
  allowedTools: true,
});
