/** The catalogue as it is stored, one short row per model, and a row made readable. */
import type { Capabilities, Match, ModelInfo, Prices, PriceTier } from "./model-info.ts";

/** Where the data came from. Rows are by provider and model, both as a client writes them. */
export interface Snapshot {
  readonly sources: { readonly [name: string]: { readonly [fact: string]: string } };
  readonly providers: { readonly [provider: string]: { readonly [model: string]: Row } };
}

/** USD per million tokens: input, output, cache read, cache write. */
export type StoredPrices = readonly (number | null)[];

/** Absent fields are unknown. */
export interface Row {
  readonly context?: number;
  readonly output?: number;
  readonly price?: StoredPrices;
  /** Each begins with the number of input tokens above which it holds. */
  readonly tiers?: readonly StoredPrices[];
  /** Modalities, separated by spaces. */
  readonly in?: string;
  readonly out?: string;
  /** Names of capabilities the model has, and of those it has not, separated by spaces. */
  readonly can?: string;
  readonly cannot?: string;
  readonly mode?: string;
  readonly family?: string;
  readonly knowledge?: string;
  readonly released?: string;
  readonly open?: boolean;
  readonly status?: string;
}

export function describeRow(provider: string, model: string, row: Row, match: Match): ModelInfo {
  const priced = match !== "vendor";
  const inputs = words(row.in);
  return {
    match,
    provider,
    model,
    contextLength: row.context ?? null,
    maxOutputTokens: row.output ?? null,
    prices: priced && row.price ? perToken(row.price) : null,
    priceTiers: priced ? (row.tiers ?? []).map(tier) : [],
    inputModalities: inputs,
    outputModalities: words(row.out),
    capabilities: capabilities(row, inputs),
    mode: row.mode ?? null,
    family: row.family ?? null,
    knowledgeCutoff: row.knowledge ?? null,
    releaseDate: row.released ?? null,
    openWeights: row.open ?? null,
    status: row.status ?? null,
  };
}

function tier([above, ...prices]: StoredPrices): PriceTier {
  return { above: above ?? 0, ...perToken(prices) };
}

function perToken([input, output, cacheRead, cacheWrite]: StoredPrices): Prices {
  return { input: each(input), output: each(output), cacheRead: each(cacheRead), cacheWrite: each(cacheWrite) };
}

/** A millionth, without the digits that binary fractions add. */
function each(million: number | null | undefined): number | null {
  return million === null || million === undefined ? null : Number((million / 1e6).toPrecision(12));
}

function words(text: string | undefined): readonly string[] | null {
  return text === undefined ? null : text.split(" ");
}

function capabilities(row: Row, inputs: readonly string[] | null): Capabilities {
  const can = new Set(words(row.can));
  const cannot = new Set(words(row.cannot));
  const known = (name: string): boolean | null => (can.has(name) ? true : cannot.has(name) ? false : null);
  return {
    tools: known("tools"),
    toolChoice: known("toolChoice"),
    reasoning: known("reasoning"),
    vision: inputs ? inputs.includes("image") : known("vision"),
    systemMessages: known("systemMessages"),
    promptCaching: known("promptCaching"),
    assistantPrefill: known("assistantPrefill"),
    structuredOutput: known("structuredOutput"),
    temperature: known("temperature"),
    attachments: known("attachments"),
    interleaved: known("interleaved"),
  };
}
