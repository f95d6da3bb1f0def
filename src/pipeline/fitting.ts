/**
 * A loss that would change what a request means decides where it may go: tools a provider runs itself go to those who
 * have them. Seals only say who would be best.
 */
import { defineSlot, type Slot, type Target } from "../plugin/context.ts";
import type { Plugin } from "../plugin/app.ts";
import type { GenerateRequest } from "../protocols/canonical.ts";
import { sealsOf } from "../protocols/foreign-seals.ts";
import type { RequestState } from "./context.ts";
import { protocolOf } from "./send.ts";
import { embeddingTargets, isEmbedding } from "./side/able.ts";

/** Providers whose seals the request carries. */
const minted: Slot<ReadonlySet<string>> = defineSlot("minters of seals");

/** The targets that can do what is asked; all of them when none can, since then only a part is lost. */
export function fittingTargets(state: RequestState, targets: readonly Target[]): readonly Target[] {
  const { ctx } = state;
  if (isEmbedding(ctx.operation)) return embeddingTargets(state, targets);
  if (ctx.operation !== "generate") return targets;
  if (!state.minters && targets.every((target) => protocolOf(state, target) === ctx.protocol)) return targets;
  const { request } = ctx;
  const minters = mintersOf(request, state.minters);
  if (minters.size > 0) ctx.set(minted, minters);
  const bound = boundTo(request);
  if (bound.size === 0) return targets;
  const able = targets.filter((target) => bound.has(protocolOf(state, target).id));
  return able.length > 0 ? able : targets;
}

/** The core's own policy: among equals, who can read the seals comes first. */
export const sealAffinity: Plugin = {
  name: "seals",
  hooks: {
    selectKey: {
      precedence: "affinity",
      when: (ctx) => ctx.get(minted) !== undefined,
      handler(candidates, ctx, selection) {
        const minters = ctx.get(minted);
        const readers = candidates.filter(({ provider }) => minters?.has(provider.name));
        if (readers.length === 0 || readers.length === candidates.length) return candidates;
        const [first] = readers;
        if (first && first !== candidates[0]) selection.move(first, "can read the signatures in the conversation");
        return [...readers, ...candidates.filter((candidate) => !readers.includes(candidate))];
      },
    },
  },
};

function mintersOf(request: GenerateRequest, known: ReadonlyMap<string, string> | undefined): ReadonlySet<string> {
  const minters = new Set<string>();
  for (const seal of sealsOf(request)) {
    const minter = seal.provider ?? known?.get(seal.value);
    if (minter !== undefined) minters.add(minter);
  }
  return minters;
}

/** Protocols whose own tools the request asks for, or has the results of. */
function boundTo({ tools = [], messages }: GenerateRequest): ReadonlySet<string> {
  const bound = new Set<string>();
  for (const tool of tools) if (tool.type === "hosted") bound.add(tool.protocol);
  for (const { parts } of messages) for (const part of parts) if (part.type === "opaque") bound.add(part.protocol);
  return bound;
}
