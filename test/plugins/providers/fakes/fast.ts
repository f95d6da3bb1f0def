import { models, status } from "waygate/testing";
import { type Fake, has, messagesOf, minute, openaiError, refusal, refusesEmptyTools } from "./fake.ts";

const limited = (message: string): object => openaiError(message, "tokens", "rate_limit_exceeded");
const unsupported = (field: string | undefined): string | undefined => field && `property '${field}' is unsupported`;

export const groq: Fake = {
  base: "/openai/v1",
  models: { path: "/openai/v1/models", reply: models(["llama-3.1-8b-instant"]), ids: ["llama-3.1-8b-instant"] },
  // Asks nobody and says it twice: in the last chunk and beside it.
  answer: { usageIn: "x_groq", reasoning: "hm", reasoningIn: "reasoning" },
  refuses({ json }) {
    const inside = messagesOf(json).map((message) => has(message, ["name", "reasoning_content", "reasoning_details"]));
    const field = has(json, ["logprobs", "top_logprobs", "logit_bias", "top_k", "store"]) ?? inside.find(Boolean);
    return refusal(unsupported(field) ?? refusesEmptyTools(json));
  },
  plays: {
    "wrong-key": {
      reply: status(401, openaiError("Invalid API Key", "invalid_request_error", "invalid_api_key")),
      kind: "credential_invalid",
    },
    tpd: {
      reply: status(
        429,
        limited(
          "Rate limit reached for `M` in organization `org_01hx2k3m4n5p` on tokens per day (TPD): Limit 100000. Please try again in 9m38.016s.",
        ),
      ),
      kind: "quota_exhausted",
      retryIn: 578_016,
    },
    tpm: {
      reply: status(429, limited("on tokens per minute (TPM)"), {
        "retry-after": "7",
        "x-ratelimit-reset-tokens": "1.57s",
      }),
      kind: "rate_limited",
      retryIn: 7000,
    },
    "too-large": {
      reply: status(413, limited("Request too large: Limit 6000, Requested 12328")),
      kind: "context_length",
      scope: "request",
    },
    flex: { reply: status(498, openaiError("flex tier capacity exceeded")), kind: "overloaded" },
    blocked: {
      reply: status(403, openaiError("x", "permissions_error", "model_permission_blocked_org")),
      kind: "model_unavailable",
    },
    "failed-tool": {
      reply: status(400, {
        error: { message: "Failed to call a function.", code: "tool_use_failed", failed_generation: "<f>" },
      }),
      kind: "invalid_request",
      scope: "request",
    },
    "error-beside-the-answer": {
      reply: status(200, {
        x_groq: { error: "over capacity", id: "x" },
        error: { message: "over capacity", code: 503 },
      }),
      kind: "overloaded",
    },
  },
};

const flat = (message: string, code: string, type: string | null = null): object => ({
  message,
  type,
  param: null,
  code,
});

export const cerebras: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["gpt-oss-120b", "new"]), ids: ["gpt-oss-120b", "new"] },
  answer: { usageIn: "choices", reasoning: "hm", reasoningIn: "reasoning" },
  refuses({ json }) {
    const inside = messagesOf(json).map((message) => has(message, ["reasoning_content", "reasoning_details"]));
    const field =
      has(json, ["max_tokens", "frequency_penalty", "presence_penalty", "logit_bias"]) ?? inside.find(Boolean);
    return refusal(unsupported(field) ?? refusesEmptyTools(json), (message) => flat(message, "wrong_api_format"));
  },
  plays: {
    "wrong-key": { reply: status(401, flat("Wrong API Key", "wrong_api_key")), kind: "credential_invalid" },
    minute: {
      reply: status(
        429,
        flat("Requests per minute limit exceeded", "request_quota_exceeded", "too_many_requests_error"),
        {
          "x-ratelimit-remaining-requests-minute": "0",
          "x-ratelimit-reset-requests-minute": "11.382867",
          "x-ratelimit-remaining-requests-day": "900",
          "x-ratelimit-reset-requests-day": "33011.382867",
        },
      ),
      kind: "rate_limited",
      retryIn: 11_383,
    },
    day: {
      reply: status(429, flat("Tokens per day limit exceeded", "token_quota_exceeded"), { "retry-after": "60" }),
      kind: "quota_exhausted",
      retryIn: minute,
    },
    queue: { reply: status(429, flat("busy", "queue_exceeded", "too_many_requests_error")), kind: "overloaded" },
    "too-long": { reply: status(400, flat("x", "context_length_exceeded")), kind: "context_length", scope: "request" },
    missing: { reply: status(404, flat("x", "model_not_found", "not_found_error")), kind: "model_unavailable" },
  },
};
