import type { JsonObject } from "waygate";
import { models, status } from "waygate/testing";
import { type Fake, has, hour, messagesOf, openaiError, refusal, refusesNames, refusesNews } from "./fake.ts";

const object = (message: unknown, type: string, code: string | null = null): object => ({
  object: "error",
  message,
  type,
  code,
});
const known =
  /^(?:model|messages|temperature|top_[pk]|max_tokens|stream|stop|random_seed|response_format|(?:parallel_)?tool(?:s|_choice|_calls)|n|(?:presence|frequency)_penalty|reasoning_effort|logprobs)$/;
const knownInside = /^(?:role|content|tool_calls|tool_call_id|prefix)$/;

function extraOf(json: JsonObject): string | undefined {
  if (refusesNames(json)) return "role";
  const top = Object.entries(json).find(([field, value]) => !known.test(field) || value === null)?.[0];
  const inside = messagesOf(json).flatMap((message) =>
    Object.keys(message).filter(
      (field) => !knownInside.test(field) && !(field === "name" && message["role"] === "tool"),
    ),
  );
  return top ?? inside[0];
}

export const mistral: Fake = {
  base: "/v1",
  models: {
    path: "/v1/models",
    reply: status(200, { data: [{ id: "mistral-small-latest", aliases: ["x"], capabilities: {} }] }),
    ids: ["mistral-small-latest"],
  },
  answer: { usageIn: "choices" },
  refuses({ json }) {
    const extra = extraOf(json);
    if (extra) {
      const detail = [
        { type: "extra_forbidden", loc: ["body", extra], msg: "Extra inputs are not permitted", input: 1 },
      ];
      return status(422, object({ detail }, "invalid_request_error"));
    }
    const calls = messagesOf(json).flatMap((one) => (one["tool_calls"] as readonly JsonObject[] | undefined) ?? []);
    const ids = [...calls.map(({ id }) => id), ...messagesOf(json).map((one) => one["tool_call_id"])];
    const wrong = ids.find((id) => id !== undefined && !/^[a-zA-Z0-9]{9}$/.test(String(id)));
    if (wrong !== undefined)
      return status(400, object(`Tool call id was ${String(wrong)}`, "invalid_function_call", "3280"));
    const roles = messagesOf(json).map(({ role }) => role);
    const order = roles.some((role, index) => role === "user" && roles[index - 1] === "tool");
    return order
      ? status(400, object("Unexpected role 'user' after role 'tool'", "invalid_request_message_order", "3230"))
      : undefined;
  },
  plays: {
    unauthorized: { reply: status(401, { message: "Unauthorized", request_id: "1" }), kind: "credential_invalid" },
    rate: { reply: status(429, object("Rate limit exceeded", "rate_limited", "1300")), kind: "rate_limited" },
    capacity: { reply: status(429, object("x", "service_tier_capacity_exceeded", "3505")), kind: "overloaded" },
    missing: { reply: status(400, object("Invalid model: x", "invalid_model", "1500")), kind: "model_unavailable" },
    "no-right": { reply: status(403, object("x", "authentication_error", "1")), kind: "credential_invalid" },
    guardrail: {
      reply: status(403, object("Blocked by a guardrail", "forbidden")),
      kind: "content_filter",
      scope: "request",
    },
  },
};

const cohereRefused = [
  "n",
  "logit_bias",
  "store",
  "metadata",
  "service_tier",
  "parallel_tool_calls",
  "audio",
  "modalities",
  "prediction",
  "user",
];

export const cohere: Fake = {
  base: "/compatibility/v1",
  models: {
    path: "/v1/models?page_size=1000&endpoint=chat",
    reply: status(200, { models: [{ name: "command-a-03-2025", endpoints: ["chat"] }], next_page_token: "" }),
    ids: ["command-a-03-2025"],
  },
  refuses: (request) => {
    const named = typeof request.json["tool_choice"] === "object" ? "tool_choice" : undefined;
    const field = has(request.json, cohereRefused) ?? named;
    return refusal(field ? `invalid request: ${field}` : refusesNews(request), (message) => ({ id: "x", message }));
  },
  plays: {
    "wrong-key": { reply: status(401, { message: "invalid api token" }), kind: "credential_invalid" },
    "blocked-key": { reply: status(498, { message: "invalid token" }), kind: "credential_invalid" },
    "blocked-word": { reply: status(498, { message: "blocked input" }), kind: "content_filter", scope: "request" },
    minute: {
      reply: status(429, { message: "You are using a Trial key, which is limited to 20 API calls / minute." }),
      kind: "rate_limited",
    },
    month: {
      reply: status(429, { message: "You are using a Trial key, which is limited to 1000 API calls / month." }),
      kind: "quota_exhausted",
      scope: "credential",
      retryIn: (24 * 30 - 10) * hour,
    },
    "too-long": { reply: status(400, { message: "too many tokens: 9" }), kind: "context_length", scope: "request" },
    missing: { reply: status(404, { message: "not here" }), kind: "model_unavailable" },
  },
};

export const deepseek: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["deepseek-chat"]), ids: ["deepseek-chat"] },
  answer: { reasoning: "hm" },
  refuses(request) {
    const { json } = request;
    const mute = messagesOf(json).some(
      (one) => one["role"] === "assistant" && "tool_calls" in one && !("reasoning_content" in one),
    );
    if (mute) return refusal("The `reasoning_content` in the thinking mode must be passed back to the API.");
    const field = has(json, ["seed", "top_k", "n", "logit_bias", "parallel_tool_calls"]);
    const effort = json["reasoning_effort"] ?? "high";
    return refusal(field ?? (["high", "max"].includes(String(effort)) ? refusesNews(request) : "reasoning_effort"));
  },
  plays: {
    "wrong-key": {
      reply: status(401, openaiError("Authentication Fails", "authentication_error")),
      kind: "credential_invalid",
    },
    balance: {
      reply: status(402, openaiError("Insufficient Balance", "unknown_error", "invalid_request_error")),
      kind: "no_credit",
    },
    rate: { reply: status(429, openaiError("Rate limit reached")), kind: "rate_limited" },
    overloaded: { reply: status(503, openaiError("busy")), kind: "overloaded" },
    missing: { reply: status(400, openaiError("Model Not Exist", "invalid_request_error")), kind: "model_unavailable" },
  },
};

export const xai: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["grok-4"]), ids: ["grok-4"] },
  answer: { reasoning: "hm" },
  refuses(request) {
    const onReasoning = request.model === "grok-4" ? ["presence_penalty", "frequency_penalty", "stop"] : [];
    return refusal(
      has(request.json, ["logit_bias", "top_k", ...onReasoning]) ?? refusesDeveloper(request.json),
      (error) => ({
        code: "Client specified an invalid argument",
        error,
      }),
    );
  },
  plays: {
    "wrong-key": {
      reply: status(400, {
        code: "Client specified an invalid argument",
        error: "Incorrect API key provided: ab***yz.",
      }),
      kind: "credential_invalid",
    },
    spent: {
      reply: status(429, {
        error: "Your team has either used all available credits or reached its monthly spending limit.",
      }),
      kind: "no_credit",
    },
    "spent-403": { reply: status(403, { code: "x", error: "You have run out of credits." }), kind: "no_credit" },
    rate: { reply: status(429, { code: "x", error: "Too many requests" }), kind: "rate_limited" },
    unavailable: {
      reply: status(200, { code: "The service is currently unavailable", error: "try later" }),
      kind: "overloaded",
    },
    missing: {
      reply: status(404, { code: "Some requested entity was not found", error: "x" }),
      kind: "model_unavailable",
    },
  },
};

const refusesDeveloper = (json: JsonObject): string | undefined =>
  messagesOf(json).some(({ role }) => role === "developer") ? "role" : undefined;
