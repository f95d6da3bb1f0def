/** Two public lists of models, made one. Descriptions come from the first, prices from the second where it has them. */
import { variantsOf } from "../src/catalog/names.ts";
import type { Row, Snapshot, StoredPrices } from "../src/catalog/snapshot.ts";

/** A provider of `api.json` as models.dev publishes it. */
export interface ModelsDev {
  readonly [provider: string]: { readonly models: { readonly [model: string]: DevModel } };
}

export interface DevModel {
  readonly family?: string;
  readonly attachment?: boolean;
  readonly reasoning?: boolean;
  readonly tool_call?: boolean;
  readonly structured_output?: boolean;
  readonly temperature?: boolean;
  readonly interleaved?: unknown;
  readonly knowledge?: string;
  readonly release_date?: string;
  readonly open_weights?: boolean;
  readonly status?: string;
  readonly modalities?: { readonly input?: readonly string[]; readonly output?: readonly string[] };
  readonly limit?: { readonly context?: number; readonly output?: number };
  readonly cost?: DevPrices & {
    readonly tiers?: readonly (DevPrices & { readonly tier: { readonly size: number } })[];
    readonly context_over_200k?: DevPrices;
  };
}

interface DevPrices {
  readonly input?: number;
  readonly output?: number;
  readonly cache_read?: number;
  readonly cache_write?: number;
}

/** `model_prices_and_context_window.json` of LiteLLM. */
export interface LiteLlm {
  readonly [model: string]: LiteModel;
}

export interface LiteModel {
  readonly litellm_provider?: string;
  readonly mode?: string;
  readonly [field: string]: unknown;
}

/** Our provider ids, and where the two lists have them. Those without a second name are in one list only. */
const providers: { readonly [id: string]: readonly [dev: string, ...lite: string[]] } = {
  openai: ["openai", "openai"],
  anthropic: ["anthropic", "anthropic"],
  gemini: ["google", "gemini"],
  openrouter: ["openrouter", "openrouter"],
  groq: ["groq", "groq"],
  mistral: ["mistral", "mistral"],
  cohere: ["cohere", "cohere", "cohere_chat"],
  nvidia_nim: ["nvidia", "nvidia_nim"],
  chutes: ["chutes"],
  deepseek: ["deepseek", "deepseek"],
  xai: ["xai", "xai"],
  together: ["togetherai", "together_ai"],
  cerebras: ["cerebras", "cerebras"],
  huggingface: ["huggingface"],
  ollama: ["ollama-cloud"],
  alibaba: ["alibaba"],
  moonshotai: ["moonshotai"],
  zai: ["zai"],
  minimax: ["minimax"],
};

/** Kinds of models that are priced per token. */
const modes: { readonly [mode: string]: string } = {
  chat: "chat",
  responses: "chat",
  completion: "chat",
  embedding: "embedding",
};

/** Throws when a provider has no model left: then a list has changed its shape. */
export function buildProviders(dev: ModelsDev, lite: LiteLlm): Snapshot["providers"] {
  const built: { [provider: string]: { [model: string]: Row } } = {};
  for (const [id, [devId, ...liteIds]] of Object.entries(providers)) {
    const described = new Map(
      Object.entries(dev[devId]?.models ?? {}).map(([model, entry]) => [model, fromDev(model, entry)]),
    );
    const rows = new Map<string, Row>(described);
    for (const [name, entry] of Object.entries(lite)) {
      if (!liteIds.includes(entry.litellm_provider ?? "") || !Object.hasOwn(modes, entry.mode ?? "")) continue;
      const model = liteIds.reduce(
        (rest, prefix) => (rest.startsWith(`${prefix}/`) ? rest.slice(prefix.length + 1) : rest),
        name,
      );
      // A dated release that only the second list has is described like the model it is a release of.
      const row = [model, ...variantsOf(model)].map((each) => described.get(each)).find((each) => each !== undefined);
      if (isModel(model)) rows.set(model, merge(row, fromLite(entry)));
    }
    if (rows.size === 0) throw new Error(`Neither list has a model of ${id}. Has one of them changed its shape?`);
    built[id] = Object.fromEntries([...rows].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }
  return built;
}

/** Classes of sizes, fine-tunes and hosted tools are price rules, not models. */
function isModel(name: string): boolean {
  return !/^(?:ft:|together-ai-|container$)/.test(name);
}

function fromDev(model: string, entry: DevModel): Row {
  const { cost, limit, modalities } = entry;
  const free = /[:-]free$/.test(model);
  const price = cost && stored(cost, free);
  const tiers = (cost?.tiers ?? []).map((tier) => [tier.tier.size, ...list(tier)]);
  if (tiers.length === 0 && cost?.context_over_200k) tiers.push([200_000, ...list(cost.context_over_200k)]);
  const flags = {
    tools: entry.tool_call,
    reasoning: entry.reasoning,
    structuredOutput: entry.structured_output,
    temperature: entry.temperature,
    attachments: entry.attachment,
    interleaved: entry.interleaved === undefined ? undefined : Boolean(entry.interleaved),
  };
  return compact({
    context: limit?.context || undefined,
    output: limit?.output || undefined,
    price,
    tiers: price && tiers.length > 0 ? tiers.map(trim).toSorted((a, b) => a[0]! - b[0]!) : undefined,
    in: modalities?.input?.join(" ") || undefined,
    out: modalities?.output?.join(" ") || undefined,
    ...split(flags),
    family: entry.family,
    knowledge: entry.knowledge,
    released: entry.release_date,
    open: entry.open_weights,
    status: entry.status,
  });
}

function fromLite(entry: LiteModel): Row {
  const number = (field: string): number | undefined => {
    const value = entry[field];
    return typeof value === "number" ? value : undefined;
  };
  const flag = (field: string): boolean | undefined => {
    const value = entry[field];
    return typeof value === "boolean" ? value : undefined;
  };
  const prices = (suffix: string): DevPrices => ({
    input: million(number(`input_cost_per_token${suffix}`)),
    output: million(number(`output_cost_per_token${suffix}`)),
    cache_read: million(number(`cache_read_input_token_cost${suffix}`)),
    cache_write: million(number(`cache_creation_input_token_cost${suffix}`)),
  });
  const price = stored(prices(""), false);
  const tiers = Object.keys(entry).flatMap((field) => {
    const above = /^input_cost_per_token_above_(\d+)k_tokens$/.exec(field)?.[1];
    return above ? [trim([Number(above) * 1000, ...list(prices(`_above_${above}k_tokens`))])] : [];
  });
  const flags = {
    tools: flag("supports_function_calling"),
    toolChoice: flag("supports_tool_choice"),
    reasoning: flag("supports_reasoning"),
    vision: flag("supports_vision"),
    systemMessages: flag("supports_system_messages"),
    promptCaching: flag("supports_prompt_caching"),
    assistantPrefill: flag("supports_assistant_prefill"),
    structuredOutput: flag("supports_response_schema"),
  };
  return compact({
    context: number("max_input_tokens") || undefined,
    output: (entry.mode !== "embedding" && number("max_output_tokens")) || undefined,
    price,
    tiers: price && tiers.length > 0 ? tiers.toSorted((a, b) => a[0]! - b[0]!) : undefined,
    in: modalityList(entry["supported_modalities"]),
    out: modalityList(entry["supported_output_modalities"]),
    ...split(flags),
    mode: modes[entry.mode ?? ""],
  });
}

/** What both know is taken from the list that describes, but for prices; what only one knows, from that one. */
function merge(described: Row | undefined, priced: Row): Row {
  if (!described) return priced;
  const can = union(described.can, priced.can);
  // Where the lists contradict each other the one that describes is believed.
  const denied = (described.cannot ?? "").split(" ");
  const granted = (described.can ?? "").split(" ");
  const yes = can.filter((name) => !denied.includes(name));
  const no = union(described.cannot, priced.cannot).filter((name) => !granted.includes(name));
  return compact({
    ...priced,
    ...described,
    ...samePrice(described, priced),
    // Of an embedding model it is the length of a vector.
    output: priced.mode === "embedding" ? undefined : (described.output ?? priced.output),
    can: yes.join(" ") || undefined,
    cannot: no.join(" ") || undefined,
  });
}

function samePrice(described: Row, { price, tiers }: Row): Pick<Row, "price" | "tiers"> {
  if (!price) return { price: described.price, tiers: described.tiers };
  const other = described.price;
  if (other?.[0] !== price[0] || other?.[1] !== price[1]) return { price, tiers };
  const whole = [0, 1, 2, 3].map((index) => price[index] ?? other?.[index] ?? null);
  return { price: trim(whole), tiers: tiers ?? described.tiers };
}

function union(one: string | undefined, other: string | undefined): string[] {
  return [...new Set(`${one ?? ""} ${other ?? ""}`.split(" ").filter((name) => name !== ""))];
}

function list({ input, output, cache_read: read, cache_write: write }: DevPrices): (number | null)[] {
  return [input ?? null, output ?? null, read ?? null, write ?? null];
}

/** Both lists write 0 for a price they do not know, so that zeros count only for a model that is called free. */
function stored(prices: DevPrices, free: boolean): StoredPrices | undefined {
  const { input, output } = prices;
  if (input === undefined && output === undefined) return undefined;
  if ((input ?? 0) === 0 && (output ?? 0) === 0) return free ? [0, 0] : undefined;
  // A cache that costs nothing to read or to write has no price of its own: OpenAI and Google bill writes as input.
  const [, , read, write] = list(prices);
  return trim([input ?? null, output ?? null, read || null, write || null]);
}

function trim(values: readonly (number | null)[]): (number | null)[] {
  return values.slice(0, values.findLastIndex((value) => value !== null) + 1);
}

function million(perToken: number | undefined): number | undefined {
  return perToken === undefined ? undefined : Number((perToken * 1e6).toPrecision(9));
}

function modalityList(value: unknown): string | undefined {
  return Array.isArray(value) && value.length > 0 ? value.join(" ") : undefined;
}

function split(flags: { readonly [name: string]: boolean | undefined }): Pick<Row, "can" | "cannot"> {
  const having = (wanted: boolean): string | undefined =>
    Object.keys(flags)
      .filter((name) => flags[name] === wanted)
      .join(" ") || undefined;
  return { can: having(true), cannot: having(false) };
}

function compact(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
}
