/** OpenRouter: many providers behind one key. */
import type { ApiKey, Plugin, Provider } from "waygate";
import { providerFunction, type ProviderFunction, type ProviderOptions } from "waygate/plugins/openai-compatible";

const models = [
  "openrouter/auto",
  "openai/gpt-5",
  "anthropic/claude-sonnet-4",
  "google/gemini-2.5-pro",
  "deepseek/deepseek-chat",
] as const;
type Model = (typeof models)[number];

export interface OpenRouterOptions<Name extends string = string, More extends string = string> extends ProviderOptions<
  Name,
  More
> {
  /** Address and name of the application, for OpenRouter's rankings. Default: none is sent. */
  readonly appURL?: string;
  readonly appName?: string;
}

const make: ProviderFunction<"openrouter", Model> = providerFunction({
  name: "openrouter",
  defaultBaseURL: "https://openrouter.ai/api/v1",
  models,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  failures: [
    // OpenRouter docs, "Errors": the provider behind that model is busy; others are not, and the key is fine.
    {
      status: [429, 500, 502, 503],
      text: /provider returned error|temporarily rate-limited upstream/i,
      kind: "overloaded",
      rests: [0, 10_000, 20_000],
    },
    // OpenRouter docs, "Errors": a 403 is a guardrail, or a model that the key may not use.
    { status: [403], body: /"(?:flagged_input|reasons)"/, kind: "content_filter" },
    { status: [403], text: /(?:permission|not allowed|access)/i, kind: "model_unavailable" },
  ],
});

/** Keys from `OPENROUTER_API_KEY`. */
export function openrouter<const Id extends string = "openrouter", const More extends string = never>(
  options: OpenRouterOptions<Id, More> = {},
): Plugin<readonly [Provider<NoInfer<Id>, Model | NoInfer<More>, ApiKey>]> {
  const { appURL, appName, ...rest } = options;
  const headers = {
    ...(appURL === undefined ? {} : { "http-referer": appURL }),
    ...(appName === undefined ? {} : { "x-title": appName }),
    ...rest.headers,
  };
  return make<Id, More>({ ...rest, headers });
}
