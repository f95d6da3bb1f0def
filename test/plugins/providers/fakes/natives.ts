/** Stand-ins for the services behind the Anthropic and the Gemini protocol. */
import type { JsonObject } from "waygate";
import { type ScriptRequest, status, type Step } from "waygate/testing";
import { wires } from "../../../sdk/_upstreams.ts";
import { type Fake, hour, minute } from "./fake.ts";

type Headers = ScriptRequest["headers"];

const anthropicError = (type: string, message: string): object => ({
  type: "error",
  error: { type, message },
  request_id: "req_011CSHoEeqs5C35K2UUqR7Fy",
});

/** Anthropic API reference, "Messages": every other name is "Extra inputs are not permitted". */
const messageFields =
  /^(?:model|max_tokens|messages|system|stream|stop_sequences|temperature|top_[kp]|thinking|tools|tool_choice|metadata|output_config|service_tier|cache_control|container|context_management|mcp_servers|speed)$/;

function faultOfMessage({ headers, json }: ScriptRequest): string | undefined {
  if (headers["anthropic-version"] === undefined) return "anthropic-version: header is required";
  const unknown = (headers["anthropic-beta"] ?? "").split(",").find((name) => !/^$|-20\d\d-\d\d-\d\d$/.test(name));
  if (unknown !== undefined) return `Unexpected value(s) \`${unknown}\` for the \`anthropic-beta\` header`;
  if (typeof json["max_tokens"] !== "number") return "max_tokens: Field required";
  const extra = Object.keys(json).find((field) => !messageFields.test(field));
  if (extra) return `${extra}: Extra inputs are not permitted`;
  if (Number(json["temperature"] ?? 0) > 1) return "temperature: range: 0..1";
  return faultOfTurns(json["messages"] as unknown as readonly Turn[]);
}

interface Turn {
  readonly role: string;
  readonly content: string | readonly JsonObject[];
}

function faultOfTurns(turns: readonly Turn[]): string | undefined {
  let called: readonly string[] = [];
  for (const { role, content } of turns) {
    if (role !== "user" && role !== "assistant") return `messages: Unexpected role "${role}"`;
    const blocks = typeof content === "string" ? [] : content;
    const results = blocks.filter(({ type }) => type === "tool_result").map(({ tool_use_id: id }) => String(id));
    if (called.some((id) => !results.includes(id))) return "`tool_use` ids were found without `tool_result` blocks";
    if (results.some((id) => !called.includes(id))) return "unexpected `tool_use_id` found in `tool_result` blocks";
    called = blocks.filter(({ type }) => type === "tool_use").map(({ id }) => String(id));
    if (called.some((id) => !/^[a-zA-Z0-9_-]+$/.test(id))) return "tool_use.id: String should match pattern";
  }
  return undefined;
}

export const signedAnthropic = (headers: Headers, key: string): boolean =>
  headers["x-api-key"] === key && headers["authorization"] === undefined && headers["anthropic-version"] !== undefined;

export const anthropic: Fake = {
  base: "/v1",
  says: (text) => wires.anthropic.says({ text }),
  models: {
    path: "/v1/models?limit=1000",
    reply: status(200, {
      data: [
        { type: "model", id: "claude-sonnet-5", display_name: "Claude Sonnet 5", created_at: "2026-06-30T00:00:00Z" },
        { type: "model", id: "claude-haiku-4-5", display_name: "Claude Haiku 4.5", created_at: "2025-10-15T00:00:00Z" },
      ],
      has_more: false,
      first_id: "claude-sonnet-5",
      last_id: "claude-haiku-4-5",
    }),
    ids: ["claude-sonnet-5", "claude-haiku-4-5"],
  },
  refuses(request) {
    if (request.path !== "/v1/messages") return status(404, anthropicError("not_found_error", "Not found"));
    const fault = faultOfMessage(request);
    return fault === undefined ? undefined : status(400, anthropicError("invalid_request_error", fault));
  },
  plays: {
    "wrong-key": {
      reply: status(401, anthropicError("authentication_error", "invalid x-api-key")),
      kind: "credential_invalid",
    },
    rate: {
      reply: status(
        429,
        anthropicError("rate_limit_error", "This request would exceed your organization's rate limit."),
        {
          "anthropic-ratelimit-requests-remaining": "49",
          "anthropic-ratelimit-requests-reset": "2026-03-02T10:00:02Z",
          "anthropic-ratelimit-input-tokens-remaining": "0",
          "anthropic-ratelimit-input-tokens-reset": "2026-03-02T10:00:45Z",
        },
      ),
      kind: "rate_limited",
      retryIn: 45_000,
    },
    "retry-after": {
      reply: status(429, anthropicError("rate_limit_error", "slow down"), { "retry-after": "12" }),
      kind: "rate_limited",
      retryIn: 12_000,
    },
    spend: {
      reply: status(
        400,
        anthropicError(
          "invalid_request_error",
          "You have reached your specified API usage limits. You will regain access on 2026-03-03 at 00:00 UTC.",
        ),
      ),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: 14 * hour,
    },
    "low-credit": {
      reply: status(
        400,
        anthropicError("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
      ),
      kind: "no_credit",
    },
    billing: { reply: status(402, anthropicError("billing_error", "x")), kind: "no_credit" },
    "too-long": {
      reply: status(400, anthropicError("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum")),
      kind: "context_length",
      scope: "request",
    },
    "bad-signature": {
      reply: status(
        400,
        anthropicError("invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"),
      ),
      kind: "invalid_request",
      scope: "request",
    },
    disabled: {
      reply: status(400, anthropicError("invalid_request_error", "This organization has been disabled.")),
      kind: "banned",
    },
    missing: { reply: status(404, anthropicError("not_found_error", "model: missing")), kind: "model_unavailable" },
    overloaded: { reply: status(529, anthropicError("overloaded_error", "Overloaded")), kind: "overloaded" },
    "overloaded-inside": {
      reply: status(200, anthropicError("overloaded_error", "Overloaded")),
      kind: "overloaded",
    },
    internal: { reply: status(500, anthropicError("api_error", "Internal server error")), kind: "upstream" },
  },
};

const googleError = (code: number, state: string, message: string, ...details: object[]): Step =>
  status(code, { error: { code, message, status: state, ...(details.length > 0 && { details }) } });
const reason = (name: string): object => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason: name,
  domain: "googleapis.com",
});
const retryIn = (retryDelay: string): object => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay });
const violated = (quotaId: string): object => ({
  "@type": "type.googleapis.com/google.rpc.QuotaFailure",
  violations: [{ quotaMetric: "generativelanguage.googleapis.com/generate_content_free_tier_requests", quotaId }],
});
const exceeded = "You exceeded your current quota, please check your plan and billing details.";

/** Gemini API reference, "GenerateContentRequest". */
const contentFields =
  /^(?:contents|systemInstruction|tools|toolConfig|generationConfig|safetySettings|cachedContent|labels)$/;

function faultOfContents({ json }: ScriptRequest): string | undefined {
  const unknown = Object.keys(json).find((field) => !contentFields.test(field));
  if (unknown) return `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`;
  const contents = json["contents"] as readonly { readonly role: string; readonly parts: readonly JsonObject[] }[];
  const wrong = contents.find(({ role }) => role !== "user" && role !== "model");
  if (wrong) return "Please use a valid role: user, model.";
  for (const [at, { parts }] of contents.entries()) {
    const calls = parts.filter((part) => "functionCall" in part).length;
    const answers = contents[at + 1]?.parts.filter((part) => "functionResponse" in part).length ?? 0;
    if (calls > 0 && calls !== answers)
      return "Please ensure that the number of function response parts is equal to the number of function call parts.";
  }
  return undefined;
}

export const signedGemini = (headers: Headers, key: string): boolean =>
  headers["x-goog-api-key"] === key && headers["authorization"] === undefined;

const atModel = /^\/v1(?:beta)?\/models\/(.+):(?:streamGenerateContent\?alt=sse|generateContent)$/;

export const gemini: Fake = {
  base: "/v1beta",
  says: (text) => wires.gemini.says({ text }),
  modelOf: ({ path }) => atModel.exec(path)?.[1],
  models: {
    path: "/v1beta/models?pageSize=1000",
    reply: status(200, {
      models: [
        { name: "models/gemini-2.5-flash", supportedGenerationMethods: ["generateContent", "countTokens"] },
        { name: "models/gemini-embedding-001", supportedGenerationMethods: ["embedContent"] },
        { name: "models/veo-3.0-generate-001", supportedGenerationMethods: ["predictLongRunning"] },
      ],
    }),
    ids: ["gemini-2.5-flash", "gemini-embedding-001"],
  },
  refuses(request) {
    if (!atModel.test(request.path)) return googleError(404, "NOT_FOUND", "no such path");
    const fault = faultOfContents(request);
    return fault === undefined ? undefined : googleError(400, "INVALID_ARGUMENT", fault);
  },
  plays: {
    "wrong-key": {
      reply: googleError(
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        reason("API_KEY_INVALID"),
      ),
      kind: "credential_invalid",
    },
    "blocked-key": {
      reply: googleError(
        403,
        "PERMISSION_DENIED",
        "Requests to this API are blocked.",
        reason("API_KEY_SERVICE_BLOCKED"),
      ),
      kind: "credential_invalid",
    },
    leaked: {
      reply: googleError(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
      kind: "credential_invalid",
    },
    minute: {
      reply: googleError(
        429,
        "RESOURCE_EXHAUSTED",
        `${exceeded}\nPlease retry in 56.18s.`,
        violated("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
        retryIn("56s"),
      ),
      kind: "rate_limited",
      retryIn: 56_000,
    },
    // The delay is that of the minute; the day ends at midnight in California, which is 08:00 UTC in winter.
    day: {
      reply: googleError(
        429,
        "RESOURCE_EXHAUSTED",
        `${exceeded}\nPlease retry in 21.5s.`,
        violated("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        retryIn("21s"),
      ),
      kind: "quota_exhausted",
      retryIn: 22 * hour,
    },
    "not-free": {
      reply: googleError(
        429,
        "RESOURCE_EXHAUSTED",
        `${exceeded}\n* Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-2.5-pro`,
        violated("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        retryIn("30s"),
      ),
      kind: "model_unavailable",
      retryIn: 24 * hour,
    },
    bare: {
      reply: googleError(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
      kind: "rate_limited",
    },
    prepaid: { reply: googleError(402, "RESOURCE_EXHAUSTED", "Your prepaid quota exceeded."), kind: "no_credit" },
    region: {
      reply: googleError(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
      kind: "unknown",
      scope: "provider",
    },
    "too-long": {
      reply: googleError(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      ),
      kind: "context_length",
      scope: "request",
    },
    field: {
      reply: googleError(400, "INVALID_ARGUMENT", 'Unknown name "x": Cannot find field.'),
      kind: "invalid_request",
      scope: "request",
    },
    missing: {
      reply: googleError(404, "NOT_FOUND", "models/missing is not found for API version v1beta"),
      kind: "model_unavailable",
    },
    overloaded: {
      reply: googleError(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
      kind: "overloaded",
    },
    slow: {
      reply: googleError(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
      kind: "timeout",
    },
    internal: {
      reply: googleError(500, "INTERNAL", "An internal error has occurred.", retryIn(`${(2 * minute) / 1000}s`)),
      kind: "upstream",
      retryIn: 2 * minute,
    },
  },
};
