/** Failed answers in the words of their providers, as documented or reported by users, shortened. */
import type { ErrorKind, ErrorScope } from "../../src/failure/error.ts";

export const openai = (message: string, type: string | null = null, code: string | null = null): object => ({
  error: { message, type, param: null, code },
});
export const anthropic = (type: string, message: string): object => ({ type: "error", error: { type, message } });
export const google = (code: number, status: string, message: string, ...details: object[]): object => ({
  error: { code, status, message, details },
});

export type Row = readonly [provider: string, status: number, body: unknown, kind: ErrorKind, scope?: ErrorScope];

export const dead: readonly Row[] = [
  [
    "OpenAI wrong key",
    401,
    openai("Incorrect API key provided: sk-ab***yz.", "invalid_request_error", "invalid_api_key"),
    "credential_invalid",
  ],
  [
    "OpenAI other organisation",
    401,
    openai("x", "invalid_request_error", "mismatched_organization"),
    "credential_invalid",
  ],
  ["Anthropic wrong key", 401, anthropic("authentication_error", "invalid x-api-key"), "credential_invalid"],
  [
    "Google wrong key",
    400,
    google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", { reason: "API_KEY_INVALID" }),
    "credential_invalid",
  ],
  [
    "Google wrong key in an array",
    400,
    [google(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")],
    "credential_invalid",
  ],
  [
    "Google missing key",
    403,
    google(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
    "credential_invalid",
  ],
  [
    "xAI wrong key",
    400,
    { code: "Client specified an invalid argument", error: "Incorrect API key provided: ab***yz." },
    "credential_invalid",
  ],
  [
    "Cerebras wrong key",
    401,
    { message: "Wrong API Key", type: "invalid_request_error", param: "api_key", code: "wrong_api_key" },
    "credential_invalid",
  ],
  ["Groq wrong key", 401, openai("Invalid API Key", "invalid_request_error", "invalid_api_key"), "credential_invalid"],
  ["Mistral unauthorised", 401, { message: "Unauthorized", request_id: "1" }, "credential_invalid"],
  ["Mistral refused", 403, { object: "error", message: "x", type: "authentication_error" }, "credential_invalid"],
  ["OpenRouter disabled key", 401, { error: { code: 401, message: "User not found." } }, "credential_invalid"],
  ["Chutes bad token", 401, { detail: "Invalid token." }, "credential_invalid"],
  ["NVIDIA refused", 403, { status: 403, title: "Forbidden", detail: "Authorization failed" }, "credential_invalid"],
  [
    "DeepSeek wrong key",
    401,
    openai("Authentication Fails (no such user)", "authentication_error", "invalid_request_error"),
    "credential_invalid",
  ],
  ["Cohere blocked token", 498, { message: "invalid api token" }, "credential_invalid"],
  [
    "Puter without a token",
    401,
    { success: false, error: { code: "token_missing", message: "x" } },
    "credential_invalid",
  ],
];

export const broke: readonly Row[] = [
  [
    "OpenAI no credit",
    429,
    openai("You exceeded your current quota, please check your plan", "insufficient_quota", "insufficient_quota"),
    "no_credit",
  ],
  ["OpenAI by code only", 429, openai("x", "requests", "credit_balance_exhausted"), "no_credit"],
  ["OpenAI unpaid", 429, openai("Your account is not active", "billing_not_active", "billing_not_active"), "no_credit"],
  [
    "OpenAI hard limit",
    400,
    openai("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
    "no_credit",
  ],
  [
    "Anthropic low balance",
    400,
    anthropic("invalid_request_error", "Your credit balance is too low to access the API."),
    "no_credit",
  ],
  ["Anthropic payment", 402, anthropic("billing_error", "x"), "no_credit"],
  ["OpenRouter no credits", 402, { error: { code: 402, message: "Insufficient credits. Add more." } }, "no_credit"],
  [
    "xAI used up, 429",
    429,
    { error: "Your team has either used all available credits or reached its monthly spending limit." },
    "no_credit",
  ],
  ["xAI used up, 403", 403, { code: "x", error: "You have run out of credits or need a subscription." }, "no_credit"],
  ["DeepSeek balance", 402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "no_credit"],
  ["Together spending limit", 402, openai("Credit limit reached"), "no_credit"],
  [
    "Hugging Face credits",
    402,
    { error: "You have exceeded your monthly included credits for Inference Providers." },
    "no_credit",
  ],
  ["AgentRouter quota of the user", 403, openai("x", "new_api_error", "insufficient_user_quota"), "no_credit"],
  [
    "Google without billing",
    400,
    google(400, "FAILED_PRECONDITION", "Please enable billing on your project"),
    "no_credit",
  ],
];

export const banned: readonly Row[] = [
  ["OpenAI terminated", 429, openai("x", "access_terminated"), "banned"],
  ["OpenAI deactivated", 401, openai("x", "invalid_request_error", "account_deactivated"), "banned"],
  ["Anthropic disabled", 400, anthropic("invalid_request_error", "This organization has been disabled."), "banned"],
  ["Google terms", 403, google(403, "PERMISSION_DENIED", "x", { reason: "TOS_VIOLATION" }), "banned"],
  ["a suspended account", 403, openai("Your account has been suspended."), "banned"],
  ["a violation of terms", 403, openai("This service was disabled for violation of our Terms of Service"), "banned"],
];

export const limited: readonly Row[] = [
  [
    "OpenAI TPM",
    429,
    openai(
      "Rate limit reached for M on tokens per min (TPM): Limit 1. Please try again in 20s.",
      "tokens",
      "rate_limit_exceeded",
    ),
    "rate_limited",
  ],
  [
    "Anthropic per minute",
    429,
    anthropic("rate_limit_error", "would exceed your organization's rate limit of 1 input tokens per minute"),
    "rate_limited",
  ],
  [
    "Groq TPM",
    429,
    openai(
      "Rate limit reached on tokens per minute (TPM): Limit 6000, Used 1. Need more tokens? Upgrade",
      "tokens",
      "rate_limit_exceeded",
    ),
    "rate_limited",
  ],
  [
    "Mistral",
    429,
    { object: "error", message: "Rate limit exceeded", type: "rate_limited", code: "1300" },
    "rate_limited",
  ],
  ["Mistral, older", 429, { message: "Requests rate limit exceeded" }, "rate_limited"],
  [
    "Cerebras requests",
    429,
    {
      message: "Requests per minute limit exceeded",
      type: "too_many_requests_error",
      param: "quota",
      code: "request_quota_exceeded",
    },
    "rate_limited",
  ],
  [
    "Cerebras tokens",
    429,
    {
      message: "Tokens per minute limit exceeded",
      type: "too_many_tokens_error",
      param: "quota",
      code: "token_quota_exceeded",
    },
    "rate_limited",
  ],
  [
    "Google per minute",
    429,
    google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details.", {
      violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" }],
    }),
    "rate_limited",
  ],
  [
    "Google bare",
    429,
    google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "rate_limited",
  ],
  [
    "OpenRouter per minute",
    429,
    { error: { code: 429, message: "Rate limit exceeded: free-models-per-min" } },
    "rate_limited",
  ],
  [
    "OpenRouter in flight",
    402,
    { error: { code: 402, message: "x", metadata: { limit_source: "openrouter_in_flight_budget" } } },
    "rate_limited",
  ],
  ["Together", 429, openai("x", "dynamic_request_limited"), "rate_limited"],
  ["NVIDIA bare", 429, { status: 429, title: "Too Many Requests" }, "rate_limited"],
  ["xAI per second", 429, { code: "x", error: "Too many requests: requests per second" }, "rate_limited"],
  [
    "Cohere trial",
    429,
    { message: "You are using a Trial key, which is limited to 40 API calls / minute." },
    "rate_limited",
  ],
  ["an empty body", 429, "", "rate_limited"],
];

export const quota: readonly Row[] = [
  [
    "Groq TPD",
    429,
    openai("on tokens per day (TPD): Limit 1. Please try again in 9m38.016s.", "tokens", "rate_limit_exceeded"),
    "quota_exhausted",
  ],
  [
    "Cerebras per day",
    429,
    { message: "Tokens per day limit exceeded", code: "token_quota_exceeded" },
    "quota_exhausted",
  ],
  [
    "Google per day",
    429,
    google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", {
      quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    }),
    "quota_exhausted",
  ],
  [
    "Google capacity used up",
    429,
    google(429, "RESOURCE_EXHAUSTED", "You have exhausted your capacity on this model.", { reason: "QUOTA_EXHAUSTED" }),
    "quota_exhausted",
  ],
  [
    "OpenRouter per day",
    429,
    { error: { code: 429, message: "Rate limit exceeded: free-models-per-day" } },
    "quota_exhausted",
  ],
  [
    "OpenRouter by source",
    429,
    { error: { code: 429, message: "x", metadata: { limit_source: "openrouter_free_tier_daily" } } },
    "quota_exhausted",
  ],
  [
    "OpenRouter can only afford",
    402,
    {
      error: {
        code: 402,
        message: "This request requires more credits, or fewer max_tokens. You can only afford 100.",
      },
    },
    "quota_exhausted",
    "model",
  ],
  ["Chutes free models", 429, { detail: "Free models limit reached for today - x" }, "quota_exhausted"],
  [
    "Chutes balance",
    402,
    {
      detail: {
        message: "Quota exceeded and account balance is $0.0",
        quota_reset_timestamp: "2026-03-03T00:00:00+00:00",
      },
    },
    "quota_exhausted",
    "credential",
  ],
  [
    "Chutes cap",
    402,
    { detail: "Subscription usage cap exceeded. Please add balance to continue." },
    "quota_exhausted",
    "credential",
  ],
  [
    "Cohere month",
    429,
    { message: "You are using a Trial key, which is limited to 1000 API calls / month." },
    "quota_exhausted",
  ],
  [
    "Qwen",
    403,
    openai("free allocated quota exceeded", "insufficient_quota", "insufficient_quota"),
    "quota_exhausted",
    "credential",
  ],
  [
    "Anthropic blocked",
    400,
    anthropic("invalid_request_error", "API usage blocked until 2026-03-03T00:00:00+00:00"),
    "quota_exhausted",
    "credential",
  ],
  [
    "a ChatGPT plan",
    429,
    { error: { type: "usage_limit_reached", message: "x", resets_in_seconds: 60 } },
    "quota_exhausted",
    "credential",
  ],
  ["Mistral month", 429, { message: "Monthly limit reached" }, "quota_exhausted"],
  ["quota in general", 429, { msg: "Your quota exceeded" }, "quota_exhausted"],
];

export const tooLong: readonly Row[] = [
  ["OpenAI by code", 400, openai("x", "invalid_request_error", "context_length_exceeded"), "context_length"],
  [
    "OpenAI single request over TPM",
    429,
    openai("Request too large for M on tokens per min: Limit 1, Requested 2", "tokens", "rate_limit_exceeded"),
    "context_length",
  ],
  ["Anthropic", 400, anthropic("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"), "context_length"],
  [
    "Anthropic with output",
    400,
    anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 2 > 1"),
    "context_length",
  ],
  [
    "OpenRouter",
    400,
    { error: { code: 400, message: "This endpoint's maximum context length is 1 tokens." } },
    "context_length",
  ],
  [
    "Groq single request over TPM",
    413,
    openai("Request too large for model: Limit 6000, Requested 12328", "tokens", "rate_limit_exceeded"),
    "context_length",
  ],
  [
    "DeepSeek",
    400,
    openai("This model's maximum context length is 1 tokens.", "invalid_request_error"),
    "context_length",
  ],
  ["Together", 403, openai("`inputs` tokens + `max_new_tokens` must be <= 8193"), "context_length"],
  [
    "Google",
    400,
    google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed (1)."),
    "context_length",
  ],
  ["Cohere", 400, { message: "too many tokens: total number" }, "context_length"],
];

export const filtered: readonly Row[] = [
  ["OpenAI", 400, openai("x", "image_generation_user_error", "moderation_blocked"), "content_filter"],
  ["OpenAI policy", 400, openai("x", "invalid_request_error", "content_policy_violation"), "content_filter"],
  [
    "OpenAI text",
    400,
    openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
    "content_filter",
  ],
  [
    "OpenRouter",
    403,
    { error: { code: 403, message: 'Your chosen model requires moderation and your input was flagged for "x"' } },
    "content_filter",
  ],
  ["xAI", 403, { code: "x", error: "Content violates usage guidelines." }, "content_filter"],
];

export const faulty: readonly Row[] = [
  [
    "OpenAI",
    400,
    openai(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "invalid_request_error",
      "unsupported_parameter",
    ),
    "invalid_request",
  ],
  [
    "Anthropic max_tokens",
    400,
    anthropic("invalid_request_error", "max_tokens: 9 > 8, which is the maximum allowed number of output tokens"),
    "invalid_request",
  ],
  ["Anthropic too large", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "invalid_request"],
  [
    "Mistral 422",
    422,
    { message: { detail: [{ loc: ["body", "seed"], msg: "Extra inputs", type: "x", input: "quota suspended" }] } },
    "invalid_request",
  ],
  ["FastAPI 422", 422, { detail: [{ loc: ["body"], msg: "Input validation error", type: "x" }] }, "invalid_request"],
  [
    "Groq tool",
    400,
    openai("Failed to call a function", "invalid_request_error", "tool_use_failed"),
    "invalid_request",
  ],
  ["Google", 400, google(400, "INVALID_ARGUMENT", 'Unknown name "x": Cannot find field.'), "invalid_request"],
  ["a JSON error", 400, openai("Invalid token in JSON at position 5; unknown tokens"), "invalid_request"],
  ["images", 400, openai("Image inputs for model x are not supported"), "invalid_request"],
  ["iFlow 406", 406, { msg: "x" }, "invalid_request"],
  ["AgentRouter clients", 401, openai("unauthorized client detected, contact support"), "invalid_request"],
  ["OpenAI old response", 404, openai("x", "invalid_request_error", "previous_response_not_found"), "invalid_request"],
];

export const noModel: readonly Row[] = [
  [
    "OpenAI",
    404,
    openai("The model `x` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    "model_unavailable",
  ],
  [
    "OpenAI rights",
    403,
    openai("Project does not have access to model `x`", "invalid_request_error"),
    "model_unavailable",
  ],
  ["Anthropic", 404, anthropic("not_found_error", "model: claude-x"), "model_unavailable"],
  ["OpenRouter", 404, { error: { code: 404, message: "No endpoints found for x/y." } }, "model_unavailable"],
  [
    "OpenRouter routing",
    503,
    { error: { code: 503, message: "There is no available model provider that meets your routing requirements" } },
    "model_unavailable",
  ],
  ["Groq rights", 403, openai("x", "permissions_error", "model_permission_blocked_org"), "model_unavailable"],
  ["Groq retired", 400, openai("x", "invalid_request_error", "model_decommissioned"), "model_unavailable"],
  [
    "Mistral",
    400,
    { object: "error", message: "Invalid model: x", type: "invalid_model", code: "1500" },
    "model_unavailable",
  ],
  ["DeepSeek", 400, openai("Model Not Exist", "invalid_request_error"), "model_unavailable"],
  [
    "Cerebras",
    404,
    { message: "x", type: "not_found_error", param: "model", code: "model_not_found" },
    "model_unavailable",
  ],
  [
    "NVIDIA",
    404,
    { status: 404, title: "Not Found", detail: "Function 'f': Not found for account 'a'" },
    "model_unavailable",
  ],
  [
    "Google",
    404,
    google(404, "NOT_FOUND", "models/gemini-9.9-x is not found for API version v1beta"),
    "model_unavailable",
  ],
  ["Chutes", 404, { detail: "model not found: X" }, "model_unavailable"],
  ["Chutes maintenance", 429, { detail: "model is under maintenance" }, "model_unavailable"],
  ["Chutes tier", 402, { detail: "This model requires a higher subscription tier" }, "model_unavailable"],
  ["Hugging Face", 400, { error: "The requested model x is not supported by provider y" }, "model_unavailable"],
  ["AgentRouter", 503, openai("x", "new_api_error", "model_not_found"), "model_unavailable"],
  ["Ollama", 404, { error: "model 'x' not found" }, "model_unavailable"],
  ["end of life", 410, { detail: "The model reached its end of life" }, "model_unavailable"],
];

export const server: readonly Row[] = [
  ["OpenAI", 503, openai("The engine is currently overloaded", "server_error"), "overloaded"],
  ["OpenAI ramp", 429, openai("x", "rate_limit_error", "slow_down"), "overloaded"],
  ["OpenAI internal", 500, openai("x", "server_error"), "upstream"],
  ["Anthropic", 529, anthropic("overloaded_error", "Overloaded"), "overloaded"],
  ["Anthropic internal", 500, anthropic("api_error", "x"), "upstream"],
  [
    "OpenRouter upstream",
    429,
    {
      error: {
        code: 429,
        message: "Provider returned error",
        metadata: { raw: "x is temporarily rate-limited upstream" },
      },
    },
    "overloaded",
  ],
  ["OpenRouter down", 502, { error: { code: 502, message: "x" } }, "upstream"],
  ["Groq flex", 498, openai("x"), "overloaded"],
  [
    "Mistral capacity",
    429,
    { object: "error", message: "x", type: "service_tier_capacity_exceeded", code: "3505" },
    "overloaded",
  ],
  [
    "Cerebras queue",
    429,
    { message: "x", type: "too_many_requests_error", param: "queue", code: "queue_exceeded" },
    "overloaded",
  ],
  ["Chutes capacity", 429, { detail: "Infrastructure is at maximum capacity, try again later" }, "overloaded"],
  ["xAI", 503, { code: "The service is currently unavailable", error: "x" }, "overloaded"],
  [
    "Google capacity",
    429,
    google(429, "RESOURCE_EXHAUSTED", "No capacity available for model x on the server", {
      reason: "MODEL_CAPACITY_EXHAUSTED",
    }),
    "overloaded",
  ],
  ["Google", 503, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"],
  ["Hugging Face loading", 503, { error: "Model x is currently loading", estimated_time: 20 }, "overloaded"],
  ["a gateway's timeout", 504, "<html>x</html>", "timeout"],
  ["Cloudflare's timeout", 524, "<!DOCTYPE html>", "timeout"],
  ["Cloudflare's unknown error", 520, "<!DOCTYPE html>", "upstream"],
  ...[408, 409, 425].map((status): Row => [`a ${status}`, status, openai("x"), "upstream"]),
];
