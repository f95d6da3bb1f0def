/** xAI. */
import { type Body, withoutField } from "waygate";
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = ["grok-4", "grok-3", "grok-3-mini", "grok-code-fast-1"] as const;

/** xAI docs, "Reasoning": these models answer sampling penalties and `stop` with 400. */
const reasons = /^grok-(?:3-mini|code|[4-9])(?!.*non-reasoning)/;

/** Keys from `XAI_API_KEY`. */
export const xai: ProviderFunction<"xai", (typeof models)[number]> = providerFunction({
  name: "xai",
  defaultBaseURL: "https://api.x.ai/v1",
  models,
  drop: ["logit_bias", "top_k"],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body, { model }) => (reasons.test(model) ? withoutPenalties(body) : body),
  failures: [{ status: [404], kind: "model_unavailable" }],
});

function withoutPenalties(body: Body): Body {
  return ["presence_penalty", "frequency_penalty", "stop"].reduce((rest, field) => withoutField(rest, [field]), body);
}
