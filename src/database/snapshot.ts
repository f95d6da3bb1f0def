/** Hot state that a restart keeps: sections of small rows, of which only those that changed are saved. */
import type { ConsolaInstance } from "consola";
import type { Json } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";
import type { OpenDatabase } from "./database.ts";
import type { SqlValue, Write } from "./messages.ts";
import type { Contributor } from "./types.ts";

export interface SnapshotRow {
  readonly value: Json;
  /** Epoch milliseconds from which on the row says nothing any more; absent = it never ends by itself. */
  readonly until?: number;
}

/** One part of the state, kept by whoever owns it. */
export interface SnapshotSection {
  /** Rows of another version are set aside and not loaded. */
  readonly version: number;
  /** All there is. */
  keys(): Iterable<string>;
  /** What is to be kept of a key, computed when it is saved; `undefined` = nothing any more. */
  save(key: string): SnapshotRow | undefined;
  /** A row of before, once per row and before the first request. A throw sets the row aside. */
  load(key: string, value: Json): void;
}

export interface Snapshot {
  /**
   * Registers a section; call it in `setup`. Returns what says that a key has changed: cheap, and free where nothing
   * is saved. A name belongs to one plugin.
   */
  add(name: string, section: SnapshotSection): (key: string) => void;
}

export interface OpenSnapshot extends Snapshot {
  /** Loads what the database has and saves there from now on. */
  restore(database: OpenDatabase): Promise<void>;
  /** Gives all there is to another, which has the same sections. */
  handOver(to: OpenSnapshot): void;
  /** One row for a section, where there is that section in that version. */
  give(name: string, version: number, key: string, value: Json): void;
  /** Saves from now on; with `whole` all there is, else what changes. */
  saveTo(database: OpenDatabase, whole: boolean): void;
  /** Saves no more. */
  detach(): void;
}

export interface SnapshotInit {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<ConsolaInstance, "warn">;
}

/** Rows read in one go. */
const PAGE = 2000;
/** Characters of a row; what is larger is not worth a restart. */
const LARGEST = 64 * 1024;
/** Milliseconds between two rounds that remove what is over. */
const TIDY = 10 * 60_000;
/** Milliseconds that what could not be loaded is kept for whoever can. */
const ASIDE = 30 * 24 * 3_600_000;

// Texts, and the same in both dialects: they run at every start, and what writes statements takes longer to load than all
// of them together.
const PUT = `INSERT INTO snapshot (section, key, version, value, until) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (section, key) DO UPDATE SET version = excluded.version, value = excluded.value, until = excluded.until`;
const REMOVE = "DELETE FROM snapshot WHERE section = ? AND key = ?";
const TIDY_UP = "DELETE FROM snapshot WHERE until <= ?";
const NEXT = `SELECT key, version, value FROM snapshot
  WHERE section = ? AND key > ? AND (until IS NULL OR until > ?) ORDER BY key LIMIT ${PAGE}`;
const MOVE = "UPDATE snapshot SET section = ?, until = ? WHERE section = ? AND key = ?";

interface Part {
  readonly section: SnapshotSection;
  readonly changed: Set<string>;
}

export function createSnapshot({ clock, log }: SnapshotInit): OpenSnapshot {
  const parts = new Map<string, Part>();
  let target: OpenDatabase | undefined;
  let leave: (() => void) | undefined;
  let collected: { part: Part; key: string }[] = [];
  const faulty = new Set<string>();
  let tidyAt = 0;

  const changeAll = (): void => {
    for (const { section, changed } of parts.values()) for (const key of section.keys()) changed.add(key);
  };

  const rowOf = (name: string, { section }: Part, key: string): readonly SqlValue[] | undefined => {
    let row: SnapshotRow | undefined;
    try {
      row = section.save(key);
    } catch (error) {
      // One section's fault is not to cost the others their rows.
      if (!faulty.has(name)) log.warn(`A row of "${name}" could not be saved:`, error);
      faulty.add(name);
    }
    if (row === undefined || (row.until !== undefined && row.until <= clock.now())) return undefined;
    const text = JSON.stringify(row.value);
    // Clocks have parts of milliseconds, the column has none, and nothing is to end early.
    const until = row.until === undefined ? null : Math.ceil(row.until);
    return text.length > LARGEST ? undefined : [name, key, section.version, text, until];
  };

  const contributor: Contributor = {
    collect(most) {
      const puts: (readonly SqlValue[])[] = [];
      const removals: (readonly SqlValue[])[] = [];
      collected = [];
      for (const [name, part] of parts) {
        for (const key of part.changed) {
          if (collected.length >= most) break;
          part.changed.delete(key);
          collected.push({ part, key });
          const row = rowOf(name, part, key);
          if (row === undefined) removals.push([name, key]);
          else puts.push(row);
        }
      }
      const writes: Write[] = [];
      if (puts.length > 0) writes.push({ sql: PUT, rows: puts });
      if (removals.length > 0) writes.push({ sql: REMOVE, rows: removals });
      if (writes.length > 0 && clock.now() >= tidyAt) {
        tidyAt = clock.now() + TIDY;
        writes.push({ sql: TIDY_UP, rows: [[clock.now()]] });
      }
      return writes;
    },
    putBack() {
      for (const { part, key } of collected) part.changed.add(key);
      collected = [];
    },
    startAfresh: changeAll,
  };

  const saveTo = (database: OpenDatabase, whole: boolean): void => {
    target = database;
    leave = database.attach(contributor);
    if (!whole) return;
    changeAll();
    database.wake();
  };

  const loadSection = async (database: OpenDatabase, name: string, { section }: Part): Promise<void> => {
    let refused = 0;
    let why = "";
    let after = "";
    for (;;) {
      const rows = await database.read(NEXT, name, after, clock.now());
      for (const { key, version, value } of rows) {
        after = String(key);
        const reason = loaded(section, after, Number(version), String(value));
        if (reason === undefined) continue;
        if (refused++ === 0) why = reason;
        database.write(REMOVE, `${name} (set aside)`, after);
        database.write(MOVE, `${name} (set aside)`, clock.now() + ASIDE, name, after);
      }
      if (rows.length < PAGE) break;
    }
    if (refused > 0) log.warn(`${refused} rows of "${name}" in ${database.path} were set aside: ${why}`);
  };

  return {
    add(name, section) {
      if (parts.has(name)) throw new Error(`Two plugins keep a section "${name}" of the snapshot.`);
      const part: Part = { section, changed: new Set() };
      parts.set(name, part);
      return (key) => {
        if (target === undefined) return;
        part.changed.add(key);
        target.wake();
      };
    },
    async restore(database) {
      try {
        for (const [name, part] of parts) await loadSection(database, name, part);
      } catch (error) {
        // What the file does not give is begun anew; the database itself has said what is wrong.
        log.warn(`Not all of the state of before could be read from ${database.path}:`, error);
      }
      saveTo(database, false);
    },
    handOver(to) {
      for (const [name, { section }] of parts) {
        for (const key of section.keys()) {
          const row = section.save(key);
          if (row !== undefined) to.give(name, section.version, key, row.value);
        }
      }
    },
    give(name, version, key, value) {
      const part = parts.get(name);
      if (part === undefined || part.section.version !== version) return;
      part.section.load(key, value);
    },
    saveTo,
    detach() {
      leave?.();
      leave = undefined;
      target = undefined;
    },
  };
}

/** Why the row could not be loaded. */
function loaded(section: SnapshotSection, key: string, version: number, text: string): string | undefined {
  if (version !== section.version) return `they are of version ${version}, this waygate reads ${section.version}`;
  try {
    section.load(key, JSON.parse(text) as Json);
    return undefined;
  } catch (error) {
    // V8's message about wrong JSON quotes it.
    if (error instanceof SyntaxError) return "their text is not valid JSON";
    return error instanceof Error ? error.message : String(error);
  }
}
