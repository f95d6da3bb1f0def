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

/** Keys from `OPENAI_API_KEY`. Organisation and project may be stated per key. */
export const openai: ProviderFunction<"openai", (typeof models)[number]> = providerFunction({
  name: "openai",
  defaultBaseURL: "https://api.openai.com/v1",
  models,
  // Reasoning models refuse the old name, all chat models take the new one (OpenAI API reference, "max_tokens").
  rename: { max_tokens: "max_completion_tokens" },
  // Decision 8.
  drop: ["messages.*.reasoning_content", "messages.*.reasoning"],
  tidyTools: true,
});
