import { models, status } from "waygate/testing";
import { type Fake, hour, minute, openaiError, refusal, refusesNews } from "./fake.ts";

const thinks = { reasoning: "hm", reasoningIn: "think" } as const;

export const nvidiaNim: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["a/b", "listed/forbidden"]), ids: ["a/b", "listed/forbidden"] },
  answer: thinks,
  refuses(request) {
    // Models that are told in another way refuse it, and some take one word of it.
    const { reasoning_effort: effort = "high" } = request.json;
    const isTaken =
      !/deepseek|kimi|nemotron/.test(request.model ?? "") &&
      !(/mistral/.test(request.model ?? "") && effort !== "high");
    const field = "reasoning_effort" in request.json && !isTaken ? "reasoning_effort" : refusesNews(request);
    return refusal(field, (detail) => ({ detail }));
  },
  plays: {
    forbidden: {
      reply: status(403, { status: 403, title: "Forbidden", detail: "Authorization failed" }),
      kind: "credential_invalid",
    },
    rate: { reply: status(429, { status: 429, title: "Too Many Requests" }), kind: "rate_limited" },
    "listed/forbidden": {
      reply: status(404, { status: 404, title: "Not Found", detail: "Function 'f': Not found for account 'a'" }),
      kind: "model_unavailable",
      retryIn: 24 * hour,
    },
    gone: { reply: status(410, { detail: "reached its end of life" }), kind: "model_unavailable" },
    slow: { reply: status(504, ""), kind: "timeout" },
    bad: { reply: status(400, { detail: "bad value" }), kind: "invalid_request", scope: "request" },
  },
};

export const chutes: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["deepseek-ai/DeepSeek-V3.1"]), ids: ["deepseek-ai/DeepSeek-V3.1"] },
  answer: thinks,
  refuses: (request) =>
    refusal("reasoning_effort" in request.json ? "reasoning_effort" : refusesNews(request), (detail) => ({ detail })),
  plays: {
    "wrong-key": { reply: status(401, { detail: "Invalid token." }), kind: "credential_invalid" },
    balance: {
      reply: status(402, {
        detail: {
          message: "Quota exceeded and account balance is $0.0",
          quota_reset_timestamp: "2026-03-03T00:00:00+00:00",
        },
      }),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: 14 * hour,
    },
    cap: {
      reply: status(402, { detail: "Subscription usage cap exceeded. Please add balance to continue." }),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: 30 * minute,
    },
    tier: {
      reply: status(402, { detail: "This model requires a higher subscription tier" }),
      kind: "model_unavailable",
    },
    capacity: {
      reply: status(429, { detail: "Infrastructure is at maximum capacity, try again later" }),
      kind: "overloaded",
      retryIn: minute / 2,
    },
    maintenance: {
      reply: status(429, { detail: "model is under maintenance" }),
      kind: "model_unavailable",
      retryIn: 10 * minute,
    },
    today: {
      reply: status(429, { detail: "Free models limit reached for today - come back" }),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: 14 * hour,
    },
    missing: { reply: status(404, { detail: "model not found: X" }), kind: "model_unavailable" },
  },
};

export const together: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["a/b", "c"], "array"), ids: ["a/b", "c"] },
  answer: { ...thinks, usageIn: "choices" },
  refuses: (request) => refusal(refusesNews(request)),
  plays: {
    "wrong-key": { reply: status(401, openaiError("Invalid API key provided")), kind: "credential_invalid" },
    spent: { reply: status(402, openaiError("Credit limit exceeded")), kind: "no_credit" },
    "too-long": {
      reply: status(403, openaiError("`inputs` tokens + `max_new_tokens` must be <= 8193")),
      kind: "context_length",
      scope: "request",
    },
    rate: {
      reply: status(429, openaiError("x", "dynamic_request_limited"), {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "9",
      }),
      kind: "rate_limited",
      retryIn: 9000,
    },
    missing: { reply: status(404, openaiError("nothing here")), kind: "model_unavailable" },
    overloaded: { reply: status(503, openaiError("busy")), kind: "overloaded" },
  },
};
