/** Cerebras. Limits are per organisation and model and shared by all its keys. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = ["gpt-oss-120b", "zai-glm-4.7", "gemma-4-31b"] as const;

/** Keys from `CEREBRAS_API_KEY`. */
export const cerebras: ProviderFunction<"cerebras", (typeof models)[number]> = providerFunction({
  name: "cerebras",
  defaultBaseURL: "https://api.cerebras.ai/v1",
  models,
  tier: 2,
  // Cerebras docs, "Reasoning": history carries it under this name, the other one is a 400.
  rename: { max_tokens: "max_completion_tokens", "messages.*.reasoning_content": "reasoning" },
  drop: ["frequency_penalty", "presence_penalty", "logit_bias", "messages.*.reasoning_details"],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
});
