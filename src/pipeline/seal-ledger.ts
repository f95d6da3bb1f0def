/**
 * Who minted which seal, for seals that pass in their own protocol's slot and so bear no name. Kept only where several
 * providers speak that protocol: a seal of one is a fault to the other.
 */
import { createHash } from "node:crypto";
import type { App } from "../plugin/app.ts";
import type { Provider } from "../plugin/provider.ts";
import { sealsOf } from "../protocols/foreign-seals.ts";
import type { Protocol } from "../protocols/types.ts";
import type { StateStore } from "../state/store.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";

/** Milliseconds; a conversation that rests for longer sends its seals to whoever is asked. */
const KEPT = 7 * 24 * 3_600_000;

/** True when a seal could come from one provider and go to another without a translation between. */
export function isShared({ providers }: App, { id, sealMarks }: Protocol): boolean {
  if (!sealMarks) return false;
  let shared = known.get(providers);
  if (!shared) known.set(providers, (shared = new Map()));
  let answer = shared.get(id);
  if (answer === undefined) {
    const speakers = providers.filter(
      ({ protocol }) => (typeof protocol === "function" ? protocol("", id) : protocol) === id,
    );
    answer = speakers.length > 1;
    shared.set(id, answer);
  }
  return answer;
}

/** The list of providers does not change while a proxy lives. */
const known = new WeakMap<readonly Provider[], Map<string, boolean>>();

/** Notes the seals of an answer. */
export async function noteSeals({ provider, ctx }: RunningAttempt, values: readonly string[]): Promise<void> {
  for (const value of values) await ctx.app.state.set(keyOf(value), provider.name, KEPT);
}

/** Who minted the unnamed seals of a request, as far as known. */
export async function findMinters({ ctx }: RequestState): Promise<ReadonlyMap<string, string> | undefined> {
  const { text } = ctx.body;
  if (!ctx.protocol.sealMarks?.some((mark) => text.includes(mark))) return undefined;
  const minters = new Map<string, string>();
  for (const { value, provider } of sealsOf(ctx.request)) {
    if (provider !== undefined) continue;
    const minter = await lookUp(ctx.app.state, value);
    if (minter !== undefined) minters.set(value, minter);
  }
  return minters.size > 0 ? minters : undefined;
}

async function lookUp(state: StateStore, value: string): Promise<string | undefined> {
  const minter = await state.get(keyOf(value));
  return typeof minter === "string" ? minter : undefined;
}

/** Signatures are kilobytes and not ours to keep. */
function keyOf(value: string): string {
  return `seal:${createHash("sha256").update(value).digest("base64url")}`;
}
