/** One run of a world, from its traffic to its report. */
import type { Credential } from "../../plugin/provider.ts";
import { createChance } from "../chance.ts";
import { type Ask, type AskShape, makeAsks } from "./asks.ts";
import { play } from "./play.ts";
import { reportRun, type RunReport } from "./report.ts";
import { changeKeys, type WhatIf } from "./what-if.ts";
import type { UserWorld } from "./world.ts";

/** What is asked for: drawn by chance, or as it was recorded. */
export type Traffic = { readonly shape: AskShape } | { readonly asks: readonly Ask[] };

export interface RunInit {
  readonly traffic: Traffic;
  readonly seed: number;
  /** Names that are asked for. */
  readonly models: readonly string[];
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly change: WhatIf | undefined;
  /** What a key is called for people. */
  readonly nameOf: (credential: Credential) => string;
  readonly onProgress?: (done: number) => void;
}

/** Every run of one seed is given the same requests, whatever is changed. */
export async function runIn(world: UserWorld, init: RunInit): Promise<RunReport> {
  const { change, traffic, seed, end, nameOf } = init;
  if (change) changeKeys(world, change);
  const asks = "asks" in traffic ? traffic.asks : makeAsks(traffic.shape, createChance(seed).fork("asks"));
  const samples = await play({ ...init, world, asks });
  return reportRun({ world, change, samples, end, nameOf });
}
