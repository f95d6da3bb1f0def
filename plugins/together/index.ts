/** Together AI. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = [
  "meta-llama/Llama-3.3-70B-Instruct-Turbo",
  "deepseek-ai/DeepSeek-V3",
  "deepseek-ai/DeepSeek-R1",
  "openai/gpt-oss-120b",
] as const;

/** Keys from `TOGETHER_API_KEY`, else `TOGETHERAI_API_KEY` or `TOGETHER_AI_API_KEY`. */
export const together: ProviderFunction<"together", (typeof models)[number]> = providerFunction({
  name: "together",
  defaultBaseURL: "https://api.together.xyz/v1",
  keyVariables: ["TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"],
  models,
  think: true,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  failures: [
    // Together docs, "Error codes": 403 says that input and max_tokens together do not fit.
    { status: [403], text: /tokens|context|too long/i, kind: "context_length" },
    { status: [404], kind: "model_unavailable" },
  ],
});
