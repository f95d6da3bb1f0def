/** NVIDIA NIM, NVIDIA's hosted models. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";
import { withThinking } from "./thinking.ts";

const models = [
  "meta/llama-3.3-70b-instruct",
  "deepseek-ai/deepseek-v3.1",
  "moonshotai/kimi-k2-instruct",
  "openai/gpt-oss-120b",
] as const;

const MINUTE = 60_000;
const growing = [1, 2, 5, 10, 30].map((minutes) => minutes * MINUTE);

/** Keys from `NVIDIA_NIM_API_KEY`, else `NVIDIA_API_KEY`. */
export const nvidiaNim: ProviderFunction<"nvidia_nim", (typeof models)[number]> = providerFunction({
  name: "nvidia_nim",
  defaultBaseURL: "https://integrate.api.nvidia.com/v1",
  keyVariables: ["NVIDIA_API_KEY"],
  models,
  think: true,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body, { model }) => withThinking(body, model),
  failures: [
    // Says nothing but its title. Its window is about a minute, and some models have another one of an hour.
    { status: [429], text: /^(?:too many requests)?$/i, kind: "rate_limited", rests: growing },
    // Listed, but not for this account: that does not change within the hour.
    { status: [404], text: /not found for account/i, kind: "model_unavailable", wait: 24 * 60 * MINUTE },
  ],
});
