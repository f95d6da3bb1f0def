/**
 * Seals in `encrypted_content`, the only slot there is. Other protocols also sign texts and calls: such a seal travels
 * in a reasoning item without a summary beside what it signs, and says on which side that is.
 */
import type { Json, Seal } from "../canonical.ts";
import { readSeal, sealText } from "../seal.ts";
import { protocolId } from "./values.ts";

/** What a seal belongs to: its own reasoning item, the item behind it, or the one before it. */
export type SealPlace = "own" | "next" | "last";

const marks: { readonly [place in "next" | "last"]: string } = { next: "~next.", last: "~last." };

export function writeSeal(seal: Seal, place: SealPlace): string {
  return sealText(place === "own" ? seal : { ...seal, value: marks[place] + seal.value }, protocolId);
}

/** `undefined` when the slot is empty. */
export function readSlot(slot: Json | undefined): { readonly seal: Seal; readonly place: SealPlace } | undefined {
  if (typeof slot !== "string" || slot === "") return undefined;
  const seal = readSeal(slot, protocolId);
  for (const place of ["next", "last"] as const) {
    const mark = marks[place];
    if (seal.value.startsWith(mark)) return { seal: { ...seal, value: seal.value.slice(mark.length) }, place };
  }
  return { seal, place: "own" };
}
