/** AgentRouter, a gateway for coding agents. It answers certain client programs only and speaks Anthropic's protocol too. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

/**
 * Keys from `AGENTROUTER_API_KEY`. What the client says about itself is sent on unchanged: whether it is admitted is the
 * service's decision. `protocol: "anthropic"` uses the other half of the service at the same address.
 */
export const agentrouter: ProviderFunction<"agentrouter", never> = providerFunction({
  name: "agentrouter",
  defaultBaseURL: "https://agentrouter.org/v1",
  passHeaders: ["user-agent", "x-app", "anthropic-beta", "anthropic-version"],
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  failures: [
    {
      text: /unauthorized client detected/i,
      kind: "invalid_request",
      message:
        "AgentRouter accepts certain client programs only, and this is none of them; another key changes nothing.",
    },
    // new-api answers in Chinese: no channel for the model; the quota of the token or of the user is used up.
    { text: /无可用渠道/, kind: "model_unavailable" },
    {
      status: [401, 403, 429],
      text: /额度(?:已用尽|不足)|quota (?:is |has been )?(?:used up|exhausted|not enough)/i,
      kind: "quota_exhausted",
      scope: "credential",
    },
  ],
});
