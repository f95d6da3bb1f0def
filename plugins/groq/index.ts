/** Groq: fast, with limits per organisation and model. */
import type { ApiKey, Plugin, Provider } from "waygate";
import { providerFunction, type ProviderFunction, type ProviderOptions } from "waygate/plugins/openai-compatible";
import { withHistoryTools } from "./history-tools.ts";
import { cooler, repairHooks, repairStream } from "./repair.ts";

const models = [
  "llama-3.3-70b-versatile",
  "llama-3.1-8b-instant",
  "openai/gpt-oss-120b",
  "openai/gpt-oss-20b",
  "qwen/qwen3-32b",
] as const;
type Model = (typeof models)[number];

export interface GroqOptions<Name extends string = string, More extends string = string> extends ProviderOptions<
  Name,
  More
> {
  /**
   * False: a call of a tool that the service could not read is handed on as the 400 it is. Default: it is made a call
   * where it can be read here, and else asked for once more, at half the temperature.
   */
  readonly repairCalls?: boolean;
  /** False: tools are sent as they come. Default: those that only the history names are added, because it is refused else. */
  readonly historyTools?: boolean;
}

const make: ProviderFunction<"groq", Model> = providerFunction({
  name: "groq",
  defaultBaseURL: "https://api.groq.com/openai/v1",
  completions: false,
  models,
  // Groq docs, "OpenAI compatibility": these are answered with 400.
  drop: [
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "top_k",
    "store",
    "messages.*.name",
    "messages.*.reasoning_content",
    "messages.*.reasoning_details",
  ],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
});

/** Keys from `GROQ_API_KEY`. Several keys of one organisation share its limits. */
export function groq<const Id extends string = "groq", const More extends string = never>(
  options: GroqOptions<Id, More> = {},
): Plugin<readonly [Provider<NoInfer<Id>, Model | NoInfer<More>, ApiKey>]> {
  const { repairCalls = true, historyTools = true, ...rest } = options;
  const plugin = make<Id, More>({
    adapt(body, attempt) {
      const known = historyTools ? withHistoryTools(body) : body;
      return repairCalls ? cooler(known, attempt) : known;
    },
    ...(repairCalls && { rewrite: repairStream }),
    ...(rest as typeof options),
  });
  return repairCalls ? { ...plugin, hooks: repairHooks(plugin.name) } : plugin;
}
