/** What of a proxy outlives it: whether there is a database, who opened it, and what is in the snapshot. */
import type { ConsolaInstance } from "consola";
import { formatProblem, type ConfigProblem } from "../config/problem.ts";
import type { ResolvedConfig } from "../config/types.ts";
import type { Clock } from "../runtime.ts";
import type { OpenDatabase } from "./database.ts";
import { databasePlace } from "./place.ts";
import { createSnapshot, type OpenSnapshot } from "./snapshot.ts";

export interface DurableInit {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly log: ConsolaInstance;
  /** Folder that relative paths start from. */
  readonly root: string | undefined;
  /** Whether to open without being asked by the config; `false` = never. */
  readonly wanted: boolean | undefined;
  readonly onProblem: ((problem: ConfigProblem) => void) | undefined;
  /** The proxy before a reload, which still answers. */
  readonly before: Durable | undefined;
}

export interface Durable {
  readonly snapshot: OpenSnapshot;
  readonly database: OpenDatabase | undefined;
  /** Opens what is asked for. Rejects with a `ConfigError`. */
  open(): Promise<void>;
  /** Fills the sections, once all are registered. */
  load(): Promise<void>;
  /** The successor saves from now on. */
  retire(): void;
  /** Saves what is left. */
  close(): Promise<void>;
}

export function createDurable({ config, clock, log, root = ".", wanted, onProblem, before }: DurableInit): Durable {
  const snapshot = createSnapshot({ clock, log });
  let database: OpenDatabase | undefined;

  const isWanted = (): boolean => {
    if (wanted === false || config.database === false) return false;
    return wanted === true || config.database !== undefined || config.plugins.some((plugin) => plugin.usesDatabase);
  };

  return {
    snapshot,
    get database() {
      return database;
    },
    async open() {
      if (!isWanted()) return;
      const place = databasePlace(config, root);
      if (before?.database?.path === place.path) {
        database = before.database;
        database.share();
        return;
      }
      // Threads and SQLite are no part of a proxy that keeps nothing.
      const { openDatabase } = await import("./database.ts");
      database = await openDatabase({
        ...place,
        clock,
        onProblem: onProblem ?? ((problem) => log.warn(formatProblem(problem, { mark: "!" }))),
        onRecovery: (file) => log.info(`${file} can be written again; all that is known has been saved.`),
      });
    },
    async load() {
      if (before !== undefined) {
        before.snapshot.handOver(snapshot);
        if (database !== undefined) snapshot.saveTo(database, database !== before.database);
      } else if (database !== undefined) await snapshot.restore(database);
    },
    retire: () => snapshot.detach(),
    async close() {
      const open = database;
      database = undefined;
      await open?.close();
      snapshot.detach();
    },
  };
}
