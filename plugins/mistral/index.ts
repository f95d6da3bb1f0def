/** Mistral. Its schema is closed: a field it does not know is a 422, at any depth. */
import { type Body, withField, withoutField } from "waygate";
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";
import { readThinking } from "./answers.ts";
import { withMistralMessages } from "./messages.ts";

const models = [
  "mistral-large-latest",
  "mistral-medium-latest",
  "mistral-small-latest",
  "magistral-medium-latest",
  "codestral-latest",
] as const;

/** Mistral API reference, "Chat completion"; `seed` and `max_completion_tokens` are renamed afterwards. */
const keep = [
  ...["model", "messages", "stream", "stop", "temperature", "top_p", "top_k", "n", "seed", "random_seed"],
  ...["max_tokens", "max_completion_tokens", "min_tokens", "presence_penalty", "frequency_penalty"],
  ...["repetition_penalty", "logprobs", "top_logprobs", "response_format", "tools", "tool_choice"],
  ...["parallel_tool_calls", "prediction", "prompt_mode", "reasoning_effort", "safe_prompt", "guardrails"],
  ...["prompt_cache_key", "service_tier", "document_image_limit", "document_page_limit"],
];

/** Of messages. What a model has thought is sent back to those that think. */
const foreign = ["reasoning_details", "refusal", "annotations", "audio", "function_call"];

/** Keys from `MISTRAL_API_KEY`. */
export const mistral: ProviderFunction<"mistral", (typeof models)[number]> = providerFunction({
  name: "mistral",
  defaultBaseURL: "https://api.mistral.ai/v1",
  completions: false,
  models,
  // The usage comes unasked, in the last chunk.
  streamUsage: false,
  keep,
  drop: foreign.map((field) => `messages.*.${field}`),
  rename: { seed: "random_seed", max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body, { model }) => withMistralMessages(withEffort(withRanges(body)), thinks(body, model)),
  rewrite: readThinking,
  // A 403 is about the key, or one of the account's guardrails.
  failures: [{ status: [403], text: /guardrail|moderat|safety/i, kind: "content_filter" }],
});

/** Mistral docs, "Reasoning": all of its models that always think, and those that are asked to. */
function thinks({ json }: Body, model: string): boolean {
  const { reasoning_effort: effort, prompt_mode: mode } = json;
  return model.startsWith("magistral") || mode === "reasoning" || (typeof effort === "string" && effort !== "none");
}

/** The most it knows. */
function withEffort(body: Body): Body {
  return body.json["reasoning_effort"] === "max" ? withField(body, ["reasoning_effort"], "xhigh") : body;
}

/** Nothing instead of null, and no temperature beyond its range. */
function withRanges(body: Body): Body {
  const empty = Object.entries(body.json).filter(([, value]) => value === null);
  const bare = empty.reduce((rest, [field]) => withoutField(rest, [field]), body);
  return Number(body.json["temperature"]) > 1.5 ? withField(bare, ["temperature"], 1.5) : bare;
}
