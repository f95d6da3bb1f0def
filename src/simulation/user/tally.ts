/** What one simulated run adds up to. */
import type { Catalog } from "../../catalog/catalog.ts";
import { estimateCost } from "../../catalog/cost.ts";
import type { ModelInfo } from "../../catalog/model-info.ts";
import type { Context, Outcome } from "../../plugin/context.ts";

const HOUR = 3_600_000;

export interface Tally {
  requests: number;
  answered: number;
  /** The client was told to come back later, 429 or 503, by the code of the error. */
  readonly refusedBy: Map<string, number>;
  refused: number;
  /** Any other end but a complete answer. */
  failed: number;
  /** Answered by another provider than the preferred one. */
  fellBack: number;
  /** Tokens that providers counted. */
  input: number;
  output: number;
  /** USD of what has a price. */
  cost: number;
  /** Answers without a price. */
  unpriced: number;
  /** Attempts sent, and those that met a limit of the provider, by credential. */
  readonly sent: Map<string, number>;
  readonly limited: Map<string, number>;
  /** Refused, by hour since the start. */
  readonly refusedIn: number[];
  /** Milliseconds to the first byte, of those answered. */
  readonly firstBytes: number[];
}

export interface Tallies {
  readonly tally: Tally;
  /** Given every request once, at its end. */
  add(outcome: Outcome, ctx: Context): void;
  fellBack(): void;
}

export function createTallies(start: number, catalog: Catalog): Tallies {
  const tally: Tally = {
    requests: 0,
    answered: 0,
    refusedBy: new Map(),
    refused: 0,
    failed: 0,
    fellBack: 0,
    input: 0,
    output: 0,
    cost: 0,
    unpriced: 0,
    sent: new Map(),
    limited: new Map(),
    refusedIn: [],
    firstBytes: [],
  };
  const infos = new Map<string, ModelInfo | undefined>();

  const price = ({ usage, answeredBy }: Outcome): void => {
    if (!answeredBy || !usage) return;
    const { provider, model } = answeredBy;
    const name = `${provider.name}/${model}`;
    if (!infos.has(name)) infos.set(name, catalog.lookup(provider.name, model));
    const cost = estimateCost(infos.get(name), usage);
    if (cost === null) tally.unpriced++;
    else tally.cost += cost;
    tally.input += usage.input ?? 0;
    tally.output += usage.output ?? 0;
  };

  return {
    tally,
    fellBack: () => void tally.fellBack++,
    add(outcome, { attempts }) {
      tally.requests++;
      for (const { credential, status } of attempts) {
        raise(tally.sent, credential.id);
        if (status === 429) raise(tally.limited, credential.id);
      }
      price(outcome);
      const { status, end, error, startedAt, firstByteAt } = outcome;
      if (status === 200 && end === "complete") {
        tally.answered++;
        if (firstByteAt !== undefined) tally.firstBytes.push(firstByteAt - startedAt);
      } else if (status === 429 || status === 503) {
        const hour = Math.floor((startedAt - start) / HOUR);
        tally.refused++;
        tally.refusedIn[hour] = (tally.refusedIn[hour] ?? 0) + 1;
        raise(tally.refusedBy, error?.code ?? error?.kind ?? String(status));
      } else tally.failed++;
    },
  };
}

function raise(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
