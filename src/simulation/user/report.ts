/** What runs have shown, in numbers and times: the document of `proxy simulate --json`. */
import type { Credential } from "../../plugin/provider.ts";
import { lengthOf, type Spell } from "./dry-spells.ts";
import type { Sample } from "./play.ts";
import type { WhatIf } from "./what-if.ts";
import type { UserWorld } from "./world.ts";

export interface KeyReport {
  readonly provider: string;
  readonly key: string;
  /** Calls that were sent with it, and those of them that met a limit of the provider. */
  readonly sent: number;
  readonly limited: number;
  /** When it was used up. Epoch milliseconds. */
  readonly dry: readonly Spell[];
  /** Milliseconds of the simulated time for which it was. */
  readonly dryFor: number;
}

/** One column: the config as it is, or with one thing changed. */
export interface RunReport {
  readonly change: WhatIf | undefined;
  readonly requests: number;
  readonly answered: number;
  readonly refused: number;
  readonly refusedBy: { readonly [code: string]: number };
  readonly failed: number;
  readonly fellBack: number;
  readonly tokens: { readonly input: number; readonly output: number };
  /** USD of what has a price. */
  readonly cost: number;
  /** Answers without a price: the cost is a lower bound. */
  readonly unpriced: number;
  /** Milliseconds to the first byte; `undefined` below 20 answers. */
  readonly firstByte: { readonly p50: number; readonly p95: number } | undefined;
  readonly keys: readonly KeyReport[];
  /** Of keys behind the names that were asked for. */
  readonly usable: readonly Sample[];
  /** Refused, by hour since the start. */
  readonly refusedIn: readonly number[];
  readonly faults: ReadonlyMap<string, number>;
}

export interface RunReportInit {
  readonly world: UserWorld;
  readonly change: WhatIf | undefined;
  readonly samples: readonly Sample[];
  /** Epoch milliseconds. */
  readonly end: number;
  /** What a key is called for people. */
  readonly nameOf: (credential: Credential) => string;
}

/** Fewer answers make no percentile. */
const ENOUGH = 20;

export function reportRun({ world, change, samples, end, nameOf }: RunReportInit): RunReport {
  const { tally } = world.tallies;
  const keys = world.pipeline.app.providers.flatMap(({ name }) =>
    world.pool.list(name).map((credential): KeyReport => {
      const dry = world.spells.of(credential.id);
      return {
        provider: name,
        key: nameOf(credential),
        sent: tally.sent.get(credential.id) ?? 0,
        limited: tally.limited.get(credential.id) ?? 0,
        dry,
        dryFor: lengthOf(dry, end),
      };
    }),
  );
  const { requests, answered, refused, failed, fellBack, cost, unpriced, input, output } = tally;
  return {
    change,
    requests,
    answered,
    refused,
    refusedBy: Object.fromEntries([...tally.refusedBy].sort(([, a], [, b]) => b - a)),
    failed,
    fellBack,
    tokens: { input, output },
    cost,
    unpriced,
    firstByte: percentiles(tally.firstBytes),
    keys,
    usable: samples,
    refusedIn: Array.from(tally.refusedIn, (count) => count ?? 0),
    faults: world.faults,
  };
}

/** The key that was used up first; of several at once the one that stands first. */
export function firstDry({ keys }: RunReport): { readonly key: KeyReport; readonly at: number } | undefined {
  let first: { readonly key: KeyReport; readonly at: number } | undefined;
  for (const key of keys) {
    const at = key.dry[0]?.since;
    if (at !== undefined && (first === undefined || at < first.at)) first = { key, at };
  }
  return first;
}

function percentiles(values: readonly number[]): RunReport["firstByte"] {
  if (values.length < ENOUGH) return undefined;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50: at(0.5), p95: at(0.95) };
}
