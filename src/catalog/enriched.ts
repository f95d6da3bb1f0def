/** A model as `/v1/models` describes it, in the fields that clients of such lists already read. */
import type { Catalog } from "./catalog.ts";
import type { Capabilities, Prices } from "./model-info.ts";
import { encodingOf } from "./tokens.ts";

const unknownPrices: Prices = { input: null, output: null, cacheRead: null, cacheWrite: null };

/** The fields beside `id`, `object`, `created` and `owned_by`. All are there for every model; unknown ones are null. */
export function enrichedFields(
  target: { readonly provider: string; readonly model: string } | undefined,
  catalog: Catalog,
): { readonly [field: string]: unknown } {
  const info = target && catalog.lookup(target.provider, target.model);
  const prices = info?.prices ?? unknownPrices;
  const known = info?.capabilities;
  return {
    context_length: info?.contextLength ?? null,
    max_completion_tokens: info?.maxOutputTokens ?? null,
    pricing: {
      prompt: prices.input,
      completion: prices.output,
      cached_input: prices.cacheRead,
      cache_write: prices.cacheWrite,
    },
    architecture: {
      input_modalities: info?.inputModalities ?? null,
      output_modalities: info?.outputModalities ?? null,
      tokenizer: (target && encodingOf(target.model)) ?? null,
    },
    capabilities: {
      tool_choice: known?.toolChoice ?? null,
      function_calling: known?.tools ?? null,
      reasoning: known?.reasoning ?? null,
      vision: known?.vision ?? null,
      system_messages: known?.systemMessages ?? null,
      prompt_caching: known?.promptCaching ?? null,
      assistant_prefill: known?.assistantPrefill ?? null,
      structured_output: known?.structuredOutput ?? null,
      temperature: known?.temperature ?? null,
      attachments: known?.attachments ?? null,
      interleaved: known?.interleaved ?? null,
    },
    supported_parameters: known ? parameters(known) : null,
    family: info?.family ?? null,
    description: null,
    knowledge_cutoff: info?.knowledgeCutoff ?? null,
    release_date: info?.releaseDate ?? null,
    open_weights: info?.openWeights ?? null,
    status: info?.status ?? null,
    max_input_tokens: info?.contextLength ?? null,
    context_window: info?.contextLength ?? null,
    max_output_tokens: info?.maxOutputTokens ?? null,
    ...priceFields(info?.prices ?? null),
    mode: info?.mode ?? null,
    supported_modalities: info?.inputModalities ?? null,
    supported_output_modalities: info?.outputModalities ?? null,
    _sources: info ? ["catalog"] : [],
    _match_type: info?.match ?? null,
    _parent_model: info ? `${info.provider}/${info.model}` : null,
  };
}

/** USD per token, as the cost estimate and older clients of the list name them. */
export function priceFields(prices: Prices | null): { readonly [field: string]: number | null } {
  return {
    input_cost_per_token: prices?.input ?? null,
    output_cost_per_token: prices?.output ?? null,
    cache_read_input_token_cost: prices?.cacheRead ?? null,
    cache_creation_input_token_cost: prices?.cacheWrite ?? null,
  };
}

/** Request fields whose support follows from a capability. What is not known to be supported is not named. */
function parameters(known: Capabilities): readonly string[] {
  return [
    ...(known.tools ? ["tools"] : []),
    ...(known.toolChoice ? ["tool_choice"] : []),
    ...(known.structuredOutput ? ["response_format"] : []),
    ...(known.reasoning ? ["reasoning_effort"] : []),
    ...(known.temperature ? ["temperature"] : []),
  ];
}
