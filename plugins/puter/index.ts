/** Puter: one account token, paid by the account's own usage. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";
import { refuseFakes } from "./fakes.ts";

const pseudoModels = /(?:^|[/:])(?:abuse|costly|fake|model-fallback-test-1)$/;

/** Tokens from `PUTER_API_KEY`, else `PUTER_AUTH_TOKEN`. */
export const puter: ProviderFunction<"puter", never> = providerFunction({
  name: "puter",
  defaultBaseURL: "https://api.puter.com/puterai/openai/v1",
  completions: false,
  keyVariables: ["PUTER_AUTH_TOKEN"],
  tier: 5,
  modelsURL: (base) => [
    ...(base.endsWith("/openai/v1") ? [base.replace(/openai\/v1$/, "chat/models")] : []),
    `${base}/models`,
  ],
  listsModel: (model) => !pseudoModels.test(model),
  rewrite: refuseFakes,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  failures: [
    { code: /^field_invalid$/, body: /"key"\s*:\s*"model"/, kind: "model_unavailable" },
    // Only for subscribers.
    { code: /^permission_denied$/, kind: "model_unavailable" },
    { code: /^moderation_failed$/, kind: "content_filter" },
    { code: /^fake_answer$/, kind: "quota_exhausted", scope: "credential" },
  ],
});
