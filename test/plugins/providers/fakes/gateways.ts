import { models, type ScriptRequest, status, type Step } from "waygate/testing";
import { type Fake, hour, minute, openaiError, refusal, refusesNews, start } from "./fake.ts";

const numbered = (code: number, message: string, metadata?: object): Step =>
  status(code, { error: { code, message, metadata } });

export const openrouter: Fake = {
  base: "/api/v1",
  models: {
    path: "/api/v1/models",
    reply: status(200, { data: [{ id: "a/b:free", pricing: { prompt: "0" } }], total_count: 1, links: { next: null } }),
    ids: ["a/b:free"],
  },
  answer: { reasoning: "hm", reasoningIn: "reasoning_details" },
  // What it does not know it ignores.
  plays: {
    "wrong-key": { reply: numbered(401, "User not found."), kind: "credential_invalid" },
    "no-credits": { reply: numbered(402, "Insufficient credits. Add more."), kind: "no_credit" },
    "in-flight": {
      reply: status(
        402,
        { error: { code: 402, message: "x", metadata: { limit_source: "openrouter_in_flight_budget" } } },
        { "retry-after": "3" },
      ),
      kind: "rate_limited",
      retryIn: 3000,
    },
    "free-day": {
      reply: numbered(429, "Rate limit exceeded: free-models-per-day", {
        headers: { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(start + hour) },
      }),
      kind: "quota_exhausted",
      retryIn: hour,
    },
    "free-minute": { reply: numbered(429, "Rate limit exceeded: free-models-per-min"), kind: "rate_limited" },
    upstream: {
      reply: numbered(429, "Provider returned error", {
        raw: "x is temporarily rate-limited upstream",
        provider_name: "p",
      }),
      kind: "overloaded",
    },
    guardrail: {
      reply: numbered(403, "Refused", { reasons: ["violence"], flagged_input: "x", provider_name: "p" }),
      kind: "content_filter",
      scope: "request",
    },
    permission: { reply: numbered(403, "No permission for this one"), kind: "model_unavailable" },
    missing: { reply: numbered(404, "No endpoints found for x/y."), kind: "model_unavailable" },
    inside: { reply: numbered(200, "Provider returned error"), kind: "overloaded" },
  },
};

export const huggingface: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["openai/gpt-oss-120b"]), ids: ["openai/gpt-oss-120b"] },
  answer: { reasoning: "hm", reasoningIn: "think" },
  refuses: (request) => refusal(refusesNews(request), (error) => ({ error })),
  plays: {
    "wrong-key": { reply: status(401, { error: "Invalid username or password." }), kind: "credential_invalid" },
    "no-right": {
      reply: status(403, { error: "This authentication method does not have sufficient permissions" }),
      kind: "credential_invalid",
    },
    credits: {
      reply: status(402, { error: "You have exceeded your monthly included credits for Inference Providers." }),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: (24 * 30 - 10) * hour,
    },
    unsupported: {
      reply: status(400, { error: "The requested model x is not supported by provider y" }),
      kind: "model_unavailable",
    },
    loading: {
      reply: status(503, { error: "Model x is currently loading", estimated_time: 20 }),
      kind: "overloaded",
      retryIn: 20_000,
    },
  },
};

const newApi = (message: string, code: string | null = null): object => openaiError(message, "new_api_error", code);
const isAdmitted = ({ headers }: ScriptRequest): boolean => /^(?:claude-cli|codex)/.test(headers["user-agent"] ?? "");

export const agentrouter: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["m"]), ids: ["m"] },
  refuses: (request) =>
    isAdmitted(request)
      ? refusal(refusesNews(request), newApi)
      : status(401, newApi("unauthorized client detected, contact support for assistance")),
  plays: {
    "wrong-key": { reply: status(401, newApi("无效的令牌 (request id: 1)")), kind: "credential_invalid" },
    "token-spent": {
      reply: status(401, newApi("该令牌额度已用尽 (request id: 1)")),
      kind: "quota_exhausted",
      scope: "credential",
    },
    "user-spent": {
      reply: status(403, newApi("用户额度不足, 剩余额度: 0")),
      kind: "quota_exhausted",
      scope: "credential",
    },
    "no-channel": { reply: status(503, newApi("当前分组 default 下对于模型 x 无可用渠道")), kind: "model_unavailable" },
    client: {
      reply: status(401, newApi("unauthorized client detected, contact support for assistance")),
      kind: "invalid_request",
      scope: "request",
    },
  },
};

const puterError = (code: string, more: object = {}): object => ({
  success: false,
  error: { $: "heyputer:api/APIError", code, message: code, ...more },
});

export const puter: Fake = {
  base: "/puterai/openai/v1",
  models: {
    path: "/puterai/chat/models",
    reply: status(200, { models: ["gpt-5", "fake", "abuse", "costly", "model-fallback-test-1", "x/y"] }),
    ids: ["gpt-5", "x/y"],
  },
  refuses: (request) =>
    refusal(refusesNews(request), (message) => puterError("field_invalid", { message, key: "other" })),
  plays: {
    "no-token": { reply: status(401, puterError("token_auth_failed")), kind: "credential_invalid" },
    "no-usage": {
      reply: status(402, puterError("insufficient_funds", { delegate: "usage-limited-chat" })),
      kind: "quota_exhausted",
      scope: "credential",
    },
    "no-usage-old": {
      reply: status(
        400,
        puterError("error_400_from_delegate", { delegate: "usage-limited-chat", message: "Permission denied" }),
      ),
      kind: "quota_exhausted",
      scope: "credential",
    },
    "wrong-model": { reply: status(400, puterError("field_invalid", { key: "model" })), kind: "model_unavailable" },
    subscribers: { reply: status(403, puterError("permission_denied")), kind: "model_unavailable" },
    moderated: { reply: status(400, puterError("moderation_failed")), kind: "content_filter", scope: "request" },
    rate: {
      reply: status(429, { code: "rate_limit", message: "retry after 30" }),
      kind: "rate_limited",
      retryIn: minute / 2,
    },
  },
};
