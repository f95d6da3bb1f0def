/** The report of `proxy simulate --json`. */
import { firstDry, type RunReport } from "../simulation/user/report.ts";
import type { Assumed } from "./simulate-subject.ts";
import type { Shown } from "./simulate-text.ts";
import { headOf } from "./simulate-words.ts";

export interface DocumentInit extends Shown {
  readonly models: readonly string[];
  readonly assumptions: readonly Assumed[];
}

/** Times in ISO 8601, durations in seconds, money in USD; unknown is null. */
export function documentOf(init: DocumentInit): object {
  const { runs, start, end, seed, times, models, assumptions, summary, notes, isRecorded } = init;
  return {
    requests: runs[0].requests,
    from: iso(start),
    until: iso(end),
    zone: times.zone,
    seed,
    models,
    assumptions: assumptions.map(({ provider, keys, limitsFrom, assumption }) => ({
      provider,
      keys,
      limitsFrom,
      rpm: assumption.rpm ?? null,
      rpd: assumption.rpd ?? null,
      tpm: assumption.tpm ?? null,
      tpd: assumption.tpd ?? null,
      errors: assumption.errors,
      latencyMs: assumption.latency,
      tokensPerSecond: assumption.speed,
    })),
    columns: runs.map((run) => columnOf(run, start, isRecorded)),
    notes,
    summary,
  };
}

function columnOf(run: RunReport, start: number, isRecorded: boolean): object {
  const { requests, answered, refused, refusedBy, failed, fellBack, tokens, cost, unpriced, firstByte } = run;
  const dry = firstDry(run);
  return {
    name: headOf(run.change, isRecorded).toLowerCase(),
    change: run.change ?? null,
    requests,
    answered,
    refused,
    refusedBy,
    refusedPerHour: run.refusedIn.flatMap((count, hour) =>
      count === 0 ? [] : [{ at: iso(start + hour * 3_600_000), refused: count }],
    ),
    failed,
    fellBack,
    firstDry: dry ? { provider: dry.key.provider, key: dry.key.key, at: iso(dry.at) } : null,
    firstByteMs: firstByte ?? null,
    tokens,
    costUsd: unpriced >= answered && answered > 0 ? null : Number(cost.toPrecision(12)),
    unpriced,
    leastUsable: run.usable.reduce((least, { usable }) => Math.min(least, usable), Number.POSITIVE_INFINITY),
    keys: run.keys.map(({ dry: spells, dryFor, ...key }) => ({
      ...key,
      usedUp: spells.map(({ since, until }) => ({ since: iso(since), until: iso(until) })),
      usedUpSeconds: Math.round(dryFor / 1000),
    })),
  };
}

function iso(at: number): string | null {
  return Number.isFinite(at) ? new Date(at).toISOString() : null;
}
