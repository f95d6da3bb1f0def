/** Hugging Face Inference Providers, through the router. */
import type { ApiKey, Plugin, Provider } from "waygate";
import {
  nextMonth,
  providerFunction,
  type ProviderFunction,
  type ProviderOptions,
} from "waygate/plugins/openai-compatible";

const models = ["openai/gpt-oss-120b", "openai/gpt-oss-20b", "meta-llama/Llama-3.3-70B-Instruct"] as const;
type Model = (typeof models)[number];

export interface HuggingFaceOptions<Name extends string = string, More extends string = string> extends ProviderOptions<
  Name,
  More
> {
  /** The organisation that pays. */
  readonly billTo?: string;
}

const make: ProviderFunction<"huggingface", Model> = providerFunction({
  name: "huggingface",
  defaultBaseURL: "https://router.huggingface.co/v1",
  completions: false,
  keyVariables: ["HF_TOKEN"],
  models,
  think: true,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  failures: [
    // Included credits come back on the first of the month (Hugging Face docs, "Pricing and billing").
    { status: [402], text: /monthly/i, kind: "quota_exhausted", scope: "credential", wait: nextMonth },
    { status: [403], text: /permission|token|authenticat/i, kind: "credential_invalid" },
  ],
});

/** Keys from `HUGGINGFACE_API_KEY`, else `HF_TOKEN`. A model may name its provider: `org/name:groq`. */
export function huggingface<const Id extends string = "huggingface", const More extends string = never>(
  options: HuggingFaceOptions<Id, More> = {},
): Plugin<readonly [Provider<NoInfer<Id>, Model | NoInfer<More>, ApiKey>]> {
  const { billTo, ...rest } = options;
  return make<Id, More>({ ...rest, headers: { ...(billTo && { "x-hf-bill-to": billTo }), ...rest.headers } });
}
