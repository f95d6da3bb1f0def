/**
 * The shared rules of classification as data. The first rule whose conditions all hold decides; providers put their own
 * reading in front. Codes and types are trusted before sentences, and sentences are read from the error's message only,
 * because a body may quote the client's own text.
 */
import type { ErrorKind, ErrorScope } from "./error.ts";

export interface Rule {
  /** HTTP statuses. An error inside a 200 that names no status passes, unless `httpOnly`. */
  readonly status?: readonly number[];
  readonly httpOnly?: true;
  /** Tested against type, code and other fields that name the cause, in lower case. */
  readonly word?: RegExp;
  /** Tested against the message. */
  readonly text?: RegExp;
  readonly kind: ErrorKind;
  readonly scope?: ErrorScope;
}

const client = [400, 413, 422];
const refused = [400, 401, 403];
const busy = [429, 500, 502, 503];
const short = [402, 403, 429];

export const rules: readonly Rule[] = [
  // Too long. Groq and OpenAI answer like a rate limit when one request alone is over the limit: waiting never helps.
  {
    word: /^(?:context_length_exceeded|(?:model_)?context_window_exceeded|max_tokens_exceeded|token_limit_exceeded|prompt_too_long|input_too_long)$/,
    kind: "context_length",
  },
  { status: [413], httpOnly: true, word: /^rate_limit_exceeded$/, kind: "context_length" },
  {
    status: [413, 429],
    text: /request too large for|extra usage is required for long context/i,
    kind: "context_length",
  },
  {
    status: [...client, 403],
    text: /(?:maximum|max) context length|context (?:length|window|limit) (?:is |was |has been )?exceeded|exceeds? (?:the |this )?(?:model'?s? |maximum |available )*(?:context|number of (?:input )?tokens allowed)|prompt is too long|input is too long|too many (?:input )?tokens|maximum number of tokens allowed|tokens\W{1,3}must be ?<=|reduce the length of (?:the|your) (?:messages|prompt|input)/i,
    kind: "context_length",
  },

  // Moderation of what was sent. Before "banned": both may speak of violations.
  {
    word: /^(?:content_filter|content_policy_violation|moderation_blocked|image_generation_user_error|invalid_prompt|data_inspection_failed|responsibleaipolicyviolation)$/,
    kind: "content_filter",
  },
  {
    status: refused,
    text: /(?:prompt|input|content|request|messages?)\b.{0,40}\b(?:flagged|violat\w+|blocked by|rejected by|rejected as a result of).{0,60}\b(?:polic|safety|moderation|guideline|filter)|requires moderation\b|content management policy/i,
    kind: "content_filter",
  },
  // The service admits certain client programs only; no other key changes that.
  { text: /unauthorized client detected/i, kind: "invalid_request" },
  // Every key behind one address gets the same answer.
  { word: /^unsupported_country_region_territory$/, kind: "unknown", scope: "provider" },
  { status: refused, text: /(?:location|country|region)\b.{0,40}\bnot supported/i, kind: "unknown", scope: "provider" },
  // What stands in front of the API refuses this address (Cloudflare docs, 1xxx errors, sent as text to programs).
  { status: [403, 429, 503], httpOnly: true, text: /^error code: 1\d{3}\b/i, kind: "upstream", scope: "provider" },
  {
    status: [403, 429],
    httpOnly: true,
    text: /\b(?:your|this|client|source|origin) ip\b.{0,60}\b(?:blocked|banned|blacklisted|rate[ -]?limited|restricted|suspicious|too many)\b|\b(?:blocked|banned|too many requests)\b.{0,40}\bfrom (?:your|this) ip\b/i,
    kind: "upstream",
    scope: "provider",
  },

  // The account is closed.
  {
    word: /^(?:access_terminated|account_(?:deactivated|suspended|disabled)|organization_disabled|tos_violation|consumer_suspended|user_banned)$/,
    kind: "banned",
  },
  {
    status: [...refused, 429],
    text: /\b(?:account|organi[sz]ation|workspace|consumer)\b.{0,60}\b(?:suspended|banned|deactivated|terminated|(?:has been|is|was) disabled|blocked)\b/i,
    kind: "banned",
  },
  {
    status: [401, 403],
    httpOnly: true,
    text: /violat\w+ (?:of )?(?:\w+ ){0,4}terms|terms of (?:service|use)\b.{0,60}\bviolat/i,
    kind: "banned",
  },

  // The model, for this key. Gateways use 402, 429 and 503 for it too.
  {
    word: /^(?:model_not_found|invalid_model|model_not_available|unsupported_model|model_not_supported|model_not_active|model_decommissioned|model_terms_required|model_permission_blocked\w*|deployment_?not_?found)$/,
    kind: "model_unavailable",
  },
  {
    text: /no (?:available model provider|endpoints found|available channel|matching chute)|not supported by provider|not found for account|model is under maintenance|requires a higher subscription tier|tee models require|chute unavailable|reached its end of life/i,
    kind: "model_unavailable",
  },
  {
    status: [400, 401, 403, 404, 422],
    text: /\bmodels?\b(?:[^.!?]|\.(?=\S)){0,120}(?:\b(?:does not|doesn't|do not|not) exist\b|\b(?:is |was )?not found\b)|\bmodel:? \S{1,120} (?:does not exist|not found)|(?:unknown|no such|invalid) model\b|not a valid model|model \S{1,120} (?:has been|is) (?:decommissioned|deprecated|retired)|access to (?:the |this )?model/i,
    kind: "model_unavailable",
  },
  { status: [404], httpOnly: true, word: /^(?:not_found_error|not_found)$/, text: /model/i, kind: "model_unavailable" },
  {
    status: [403],
    httpOnly: true,
    text: /\bmodels?\b.{0,80}\b(?:permission|allowed|access|blocked|enabled)|\b(?:permission|allowed|access)\b.{0,80}\bmodels?\b/i,
    kind: "model_unavailable",
  },
  { status: [404], httpOnly: true, word: /^previous_response_not_found$/, kind: "invalid_request" },

  // Quota that comes back by itself.
  { status: [402], httpOnly: true, word: /^openrouter_in_flight_budget$/, kind: "rate_limited" },
  { status: [402], httpOnly: true, text: /can only afford/i, kind: "quota_exhausted", scope: "model" },
  { status: [402], text: /usage cap exceeded|quota exceeded/i, kind: "quota_exhausted", scope: "credential" },
  { status: [403], word: /^(?:insufficient_quota|quota_exceeded)$/, kind: "quota_exhausted", scope: "credential" },
  { status: short, text: /free allocated quota/i, kind: "quota_exhausted" },
  { status: [400, 429], text: /usage blocked until/i, kind: "quota_exhausted", scope: "credential" },
  {
    word: /^(?:usage_limit_reached|usage-limited-chat|enforced_spend_limit_reached|unified_rejected)$/,
    kind: "quota_exhausted",
    scope: "credential",
  },

  // No money. "Exceeded your current quota" is not here: Google says it of limits per minute.
  {
    word: /^(?:insufficient_quota|insufficient_user_quota|billing_not_active|credit_balance_exhausted|billing_hard_limit_reached|billing_error|insufficient_(?:funds|balance|credits?)|insufficient_g1_credits_balance|payment_required)$/,
    kind: "no_credit",
  },
  {
    status: [400, 401, ...short],
    text: /credit balance is too low|insufficient (?:\w+ )?(?:balance|credits?|funds)|(?:out of|run out of|no|used all available) credits|requires more credits|billing (?:hard )?limit|enable billing/i,
    kind: "no_credit",
  },

  // The key.
  {
    status: [400, 401, 403],
    word: /^(?:invalid_api_key|wrong_api_key|authentication_error|unauthenticated|api_key_invalid|access_token_expired|access_token_type_unsupported|token_missing|token_auth_failed|invalid_issuer|no_organization|mismatched_\w+)$/,
    kind: "credential_invalid",
  },
  // A 400 speaks of "tokens" for many reasons, so there only an API key counts.
  {
    status: refused,
    text: /(?:incorrect|invalid|wrong|expired|revoked) (?:\w+ )?(?:api[ _-]?key|x-api-key)\b|api[ _-]?key\b.{0,40}\b(?:not valid|invalid|expired|revoked|disabled|not found)\b/i,
    kind: "credential_invalid",
  },
  {
    status: [403, 498],
    httpOnly: true,
    text: /(?:incorrect|invalid|wrong|expired|revoked|unknown|missing|no|blocked) (?:\w+ ){0,2}(?:api[ _-]?keys?|token|credentials?)\b|token\b.{0,40}\b(?:not valid|invalid|expired|revoked)\b|unregistered callers|authorization failed/i,
    kind: "credential_invalid",
  },

  // The server is full, not the key. Gateways say it with a 429.
  {
    word: /^(?:overloaded(?:_error)?|server_is_overloaded|server_overloaded|engine_overloaded|slow_down|queue_exceeded|service_tier_capacity_exceeded|3505|unavailable|service_unavailable(?:_error)?|(?:model_)?capacity_(?:exhausted|exceeded)|the service is currently unavailable)$/,
    kind: "overloaded",
  },
  {
    status: busy,
    text: /overloaded|(?:maximum|at|no|insufficient) capacity|provider returned error|rate-limited upstream|currently (?:unavailable|loading)|no instances available|high demand/i,
    kind: "overloaded",
  },

  // Limits: a minute is a rate, anything longer a quota.
  { status: [429], word: /perday|daily|quota_exhausted/, kind: "quota_exhausted" },
  {
    status: [429],
    text: /per[ -](?:day|week|month)|\/ ?(?:day|month)\b|\((?:TPD|RPD|ASD)\)|\b(?:daily|weekly|monthly)\b|for today\b|usage limit|spend(?:ing)? limit|exhausted your capacity|quota will reset|individual quota/i,
    kind: "quota_exhausted",
  },
  { status: [429], word: /perminute|^rate_limit_exceeded$|_quota_exceeded$/, kind: "rate_limited" },
  {
    status: [429],
    text: /(?:exceeded|exceeds|reached|out of|over|no) (?:your |the )?(?:\w+ )?quota|quota (?:\w+ )?(?:exceeded|exhausted|reached)/i,
    kind: "quota_exhausted",
  },

  // An error inside a 200 that names itself but no status.
  { status: [], word: /^(?:invalid_request_error|request_too_large|invalid_argument)$/, kind: "invalid_request" },
  {
    status: [],
    word: /^(?:rate_limit(?:_error|_exceeded)|rate_limited|too_many_requests(?:_error)?|resource_exhausted)$/,
    kind: "rate_limited",
  },
  { status: [], text: /\brate[- ]limit(?:ed|s)?\b|\btoo many requests\b/i, kind: "rate_limited" },
  { status: [], word: /^(?:authentication_error|unauthenticated)$/, kind: "credential_invalid" },
  { status: [], word: /^not_found_error$/, kind: "model_unavailable" },
  { status: [], word: /^(?:timeout_error|deadline_exceeded)$/, kind: "timeout" },
];
