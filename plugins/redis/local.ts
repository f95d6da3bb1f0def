/**
 * What this process has taken, counted here as well: so that limits hold when Redis goes away, and so that Redis can be
 * told afterwards.
 */
import { type Json, memoryState, type SnapshotSection, type StateHost, type StateStore } from "waygate";

export interface Ledger {
  readonly store: StateStore;
  /** The counters as pieces for `adopt`, times by the clock here; without what is held. */
  pieces(): Piece[];
}

export interface Piece {
  readonly kind: "s" | "f";
  readonly key: string;
  readonly span: number;
  /** When and how much; of a fixed window one, whose time says nothing. */
  readonly taken: readonly (readonly [at: number, amount: number])[];
}

export function createLedger({ clock }: Pick<StateHost, "clock">): Ledger {
  const sections = new Map<string, SnapshotSection>();
  const store = memoryState(clock, undefined, {
    add(name, section) {
      sections.set(name, section);
      return () => undefined;
    },
  });
  return {
    store,
    pieces() {
      const counters = sections.get("state.counters");
      if (!counters) return [];
      return [...counters.keys()].flatMap((id) => pieceOf(id, counters.save(id)?.value));
    },
  };
}

/** A counter's id is its kind and span, a space and its key. */
function pieceOf(id: string, row: Json | undefined): Piece[] {
  const [, kind, span, key] = /^([sf])(\S+) (.*)$/s.exec(id) ?? [];
  if (key === undefined || typeof row !== "object" || row === null || Array.isArray(row)) return [];
  const { total, taken } = row as { readonly total?: number; readonly taken?: Piece["taken"] };
  if (kind === "f") return total ? [{ kind, key, span: Number(span), taken: [[0, total]] }] : [];
  return taken && taken.length > 0 ? [{ kind: "s", key, span: Number(span), taken }] : [];
}
