import { html, models, status } from "waygate/testing";
import { type Fake, minute, refusal, refusesNames } from "./fake.ts";

const raised = (message: string): object => ({ error: { message }, model: "m", provider: "P" });

export const g4f: Fake = {
  base: "/v1",
  models: {
    path: "/v1/models",
    reply: models(["gpt-4o", "flux-dev", "gpt-image-1", "whisper-1"]),
    ids: ["gpt-4o"],
  },
  plays: {
    page: { reply: html(200), kind: "overloaded", retryIn: minute },
    "page-403": { reply: html(403, "Attention Required! | Cloudflare"), kind: "overloaded", retryIn: minute },
    key: { reply: status(401, raised("MissingAuthError: Add a api_key")), kind: "credential_invalid" },
    quota: { reply: status(429, raised("RateLimitError: quota exceeded")), kind: "rate_limited", retryIn: minute / 2 },
    rate: { reply: status(429, raised("RateLimitError: x")), kind: "rate_limited", retryIn: minute },
    "rate-in-500": {
      reply: status(500, raised("ResponseStatusError: Response 429")),
      kind: "rate_limited",
      retryIn: minute,
    },
    timeout: { reply: status(504, ""), kind: "rate_limited", retryIn: minute },
    missing: { reply: status(404, raised("ModelNotFoundError: x")), kind: "model_unavailable" },
    inside: {
      reply: status(200, raised("RateLimitError: 429 Too Many Requests")),
      kind: "rate_limited",
      retryIn: minute,
    },
    broken: { reply: status(500, raised("AttributeError: x")), kind: "upstream" },
  },
};

export const ollama: Fake = {
  base: "/v1",
  models: { path: "/v1/models", reply: models(["llama3.2:latest"]), ids: ["llama3.2:latest"] },
  answer: { reasoning: "hm", reasoningIn: "think" },
  refuses: ({ json }) => refusal(refusesNames(json), (error) => ({ error })),
  plays: {
    missing: { reply: status(404, { error: "model 'x' not found" }), kind: "model_unavailable" },
    busy: {
      reply: status(503, { error: "server busy, please try again. maximum pending requests exceeded" }),
      kind: "overloaded",
    },
    memory: { reply: status(500, { error: "model requires more system memory" }), kind: "upstream" },
  },
};
