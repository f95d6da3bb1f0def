/** What outlives single proxies, seen from outside: shared by those that share their state. */
import type { Sending } from "./life.ts";
import { createRations, type Rations, type RationsInit } from "./rations.ts";

export interface Seen {
  readonly process: number;
  /** Calls under way, by `provider/key`. Those of a process that has ended are over. */
  readonly open: Map<string, number>;
  /** By what rests: the call that tried last whether it is back. */
  readonly trials: Map<string, Sending>;
  /** What keys, providers and clients have used of the limits. */
  readonly rations: Rations;
}

export function createSeen(limits: RationsInit, process = 1): Seen {
  return { process, open: new Map(), trials: new Map(), rations: createRations(limits) };
}

/** Of another process that has read what this one has saved. */
export function savedOf({ process, rations }: Seen): Seen {
  return { process: process + 1, open: new Map(), trials: new Map(), rations };
}
