/** Cohere, through its OpenAI-compatible API. */
import { type Body, withField } from "waygate";
import { nextMonth, providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = ["command-a-03-2025", "command-r-plus-08-2024", "command-r-08-2024", "command-r7b-12-2024"] as const;

/** Keys from `COHERE_API_KEY`. */
export const cohere: ProviderFunction<"cohere", (typeof models)[number]> = providerFunction({
  name: "cohere",
  defaultBaseURL: "https://api.cohere.ai/compatibility/v1",
  completions: false,
  models,
  // Only the native API lists models (Cohere docs, "List models").
  modelsURL: (base) =>
    new URL("/v1/models?page_size=1000&endpoint=chat", base.replace(".cohere.ai/", ".cohere.com/")).href,
  rename: { max_completion_tokens: "max_tokens" },
  drop: [
    ...["n", "logit_bias", "store", "metadata", "service_tier", "parallel_tool_calls"],
    ...["audio", "modalities", "prediction", "user"],
    // What clients of other protocols, or other providers, leave in a history.
    ...["reasoning_content", "reasoning", "reasoning_details", "refusal", "annotations", "audio"].map(
      (field) => `messages.*.${field}`,
    ),
  ],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body) => withForcedTool(withEffort(body)),
  failures: [
    { status: [404], kind: "model_unavailable" },
    { status: [429], text: /\/ ?month|per month/i, kind: "quota_exhausted", scope: "credential", wait: nextMonth },
    { status: [498], text: /token|api key/i, kind: "credential_invalid" },
    // The other use of this status: a word on the account's block list.
    { status: [498], kind: "content_filter" },
  ],
});

/** Cohere cannot be told one tool of several, so the others are left out. */
function withForcedTool(body: Body): Body {
  const { tool_choice: choice, tools } = body.json as {
    tool_choice?: { function?: { name?: string } };
    tools?: Tool[];
  };
  const name = choice?.function?.name;
  const tool = tools?.find((one) => one.function?.name === name);
  return name === undefined || !tool
    ? body
    : withField(withField(body, ["tools"], [tool]), ["tool_choice"], "required");
}

type Tool = { readonly function?: { readonly name?: string } };

function withEffort(body: Body): Body {
  const effort = body.json["reasoning_effort"];
  return typeof effort !== "string" || effort === "none" ? body : withField(body, ["reasoning_effort"], "high");
}
