/** Groq: fast, with limits per organisation and model. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = [
  "llama-3.3-70b-versatile",
  "llama-3.1-8b-instant",
  "openai/gpt-oss-120b",
  "openai/gpt-oss-20b",
  "qwen/qwen3-32b",
] as const;

/** Keys from `GROQ_API_KEY`. Several keys of one organisation share its limits. */
export const groq: ProviderFunction<"groq", (typeof models)[number]> = providerFunction({
  name: "groq",
  defaultBaseURL: "https://api.groq.com/openai/v1",
  completions: false,
  models,
  // Groq docs, "OpenAI compatibility": these are answered with 400.
  drop: [
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "top_k",
    "store",
    "messages.*.name",
    "messages.*.reasoning_content",
    "messages.*.reasoning_details",
  ],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
});
