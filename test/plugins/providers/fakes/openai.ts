import { models, status } from "waygate/testing";
import { type Fake, messagesOf, openaiError, refusal, refusesEmptyTools } from "./fake.ts";

const invalid = "invalid_request_error";

export const openai: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["gpt-5", "gpt-4o", "gpt-4o"]), ids: ["gpt-5", "gpt-4o"] },
  refuses({ json }) {
    if ("max_tokens" in json) {
      return status(400, openaiError("Use 'max_completion_tokens' instead.", invalid, "unsupported_parameter"));
    }
    const foreign = messagesOf(json).some((message) => "reasoning_content" in message || "reasoning" in message);
    return refusal(foreign ? "Unknown parameter: 'messages[1].reasoning_content'." : refusesEmptyTools(json));
  },
  plays: {
    "wrong-key": {
      reply: status(401, openaiError("Incorrect API key provided: sk-ab***yz.", invalid, "invalid_api_key")),
      kind: "credential_invalid",
    },
    tpm: {
      reply: status(
        429,
        openaiError(
          "Rate limit reached for M on tokens per min (TPM). Please try again in 20s.",
          "tokens",
          "rate_limit_exceeded",
        ),
        {
          "x-ratelimit-remaining-requests": "99",
          "x-ratelimit-reset-requests": "12ms",
          "x-ratelimit-reset-tokens": "6m0s",
        },
      ),
      kind: "rate_limited",
      retryIn: 20_000,
    },
    "retry-after-ms": {
      reply: status(429, openaiError("slow", "requests", "rate_limit_exceeded"), { "retry-after-ms": "1500" }),
      kind: "rate_limited",
      retryIn: 1500,
    },
    "no-credit": {
      reply: status(429, openaiError("You exceeded your current quota", "insufficient_quota", "insufficient_quota")),
      kind: "no_credit",
    },
    "hard-limit": {
      reply: status(400, openaiError("Billing hard limit has been reached", invalid, "billing_hard_limit_reached")),
      kind: "no_credit",
    },
    "too-long": {
      reply: status(400, openaiError("maximum context length is 1 tokens", invalid, "context_length_exceeded")),
      kind: "context_length",
      scope: "request",
    },
    "too-large-for-tpm": {
      reply: status(429, openaiError("Request too large for M: Limit 1, Requested 2", "tokens", "rate_limit_exceeded")),
      kind: "context_length",
      scope: "request",
    },
    overloaded: {
      reply: status(503, openaiError("The engine is currently overloaded", "server_error")),
      kind: "overloaded",
    },
    missing: {
      reply: status(404, openaiError("no such thing", invalid, "model_not_found")),
      kind: "model_unavailable",
    },
    terminated: { reply: status(429, openaiError("x", "access_terminated")), kind: "banned", scope: "credential" },
  },
};
