/** The database of a running proxy: collects what is to be saved and hands it to the thread twice a second. */
import type { Compilable } from "kysely";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import type { Clock, Timer } from "../runtime.ts";
import { DatabaseError, type Fault, faultOf } from "./fault.ts";
import type { Answer, Ask, SqlValue, Write } from "./messages.ts";
import type { Dialect } from "./migrations/index.ts";
import { isFatal, lostProblem, problemOf, refusedProblem, setAsideProblem } from "./problems.ts";
import { compiled, type Query } from "./query.ts";
import type { QueryBuilder } from "./query-builder.ts";
import { startThread } from "./thread.ts";
import type { Contributor, Database, DatabaseEngine, DatabaseTrouble } from "./types.ts";
import { createWriteQueue } from "./write-queue.ts";

export interface OpenDatabase extends Database {
  /** One more who uses it and will close it. */
  share(): void;
  /** Saves what is left; the last user's call ends the thread. */
  close(): Promise<void>;
}

export interface DatabaseInit {
  readonly path: string;
  readonly clock: Clock;
  /** Told once when trouble begins, and of a file set aside. */
  readonly onProblem: (problem: ConfigProblem) => void;
  /** Told when all can be saved again. */
  readonly onRecovery: (path: string) => void;
  /** Default: SQLite in a thread of its own. */
  readonly dialect?: Dialect;
  readonly start?: () => DatabaseEngine;
}

/**
 * Milliseconds from a change to its commit. Half of the second that is promised: what comes while a commit is on its way
 * waits for that one first.
 */
const EVERY = 500;
/** Milliseconds until the disk is tried again. */
const RETRY = 10_000;
/** Rows made ready in one go; collecting more would be felt by requests. */
const CHUNK = 1000;
/** Rows that wait at most, and how many are not left to wait for their second. */
const KEPT = 50_000;
const MANY = 5000;

/**
 * Opens the file, or goes on without one where the disk refuses. Rejects with a `ConfigError` when the file is a later
 * version's or another program's.
 */
export async function openDatabase(init: DatabaseInit): Promise<OpenDatabase> {
  const { path, clock, onProblem, onRecovery, dialect = "sqlite", start = startThread } = init;
  const contributors = new Set<Contributor>();
  let thread: DatabaseEngine | undefined;
  const queue = createWriteQueue(KEPT);
  let trouble: DatabaseTrouble | undefined;
  let timer: Timer | undefined;
  let saving: Promise<void> | undefined;
  let isChanged = false;
  let users = 1;
  let building: Promise<QueryBuilder> | undefined;

  const fail = (fault: Fault): void => {
    if (trouble === undefined) onProblem(problemOf(fault, path));
    trouble = { kind: fault.kind, since: trouble?.since ?? clock.now() };
  };
  const heal = (): void => {
    if (trouble === undefined) return;
    trouble = undefined;
    onRecovery(path);
    const lost = queue.takeLost();
    if (lost > 0) onProblem(lostProblem(path, lost));
  };
  const note = ({ setAside, refused }: Answer): void => {
    if (refused !== undefined) onProblem(refusedProblem(path, refused));
    if (setAside === undefined) return;
    for (const each of contributors) each.startAfresh();
    onProblem(setAsideProblem(path, setAside));
  };

  const drop = async (): Promise<void> => {
    const old = thread;
    thread = undefined;
    await old?.end();
  };
  /** Why the file is not open; `undefined` when it is. */
  const open = async (): Promise<Fault | undefined> => {
    if (thread !== undefined) return undefined;
    const started = start();
    const answer = await started.ask({ type: "open", path, now: clock.now() });
    if (answer.fault === undefined) {
      thread = started;
      note(answer);
    } else await started.end();
    return answer.fault;
  };

  /** One transaction; false when nothing was saved. A file found damaged has been replaced, and that is tried again. */
  const commit = async (writes: readonly Write[], isSecond = false): Promise<boolean> => {
    if (thread === undefined) return false;
    const answer = await thread.ask({ type: "write", writes, now: clock.now() });
    note(answer);
    if (answer.setAside !== undefined && !isSecond) return commit(writes, true);
    const fault: Fault | undefined =
      answer.fault ??
      (answer.setAside === undefined ? undefined : { kind: "corrupt", why: "The new file is damaged too" });
    if (fault === undefined) {
      heal();
      return true;
    }
    fail(fault);
    // A full disk or a lock leaves the connection as it was; after anything else the file is opened anew.
    if (fault.kind !== "disk_full" && fault.kind !== "busy") await drop();
    return false;
  };

  const saveAll = async (): Promise<void> => {
    const fault = await open();
    if (fault !== undefined) return fail(fault);
    while (queue.size > 0) {
      const taken = queue.take(CHUNK);
      if (await commit(taken)) continue;
      return queue.putBack(taken);
    }
    for (const contributor of contributors) {
      for (;;) {
        const writes = contributor.collect(CHUNK);
        if (writes.length === 0) break;
        if (await commit(writes)) continue;
        return contributor.putBack();
      }
    }
    heal();
  };
  const save = async (): Promise<void> => {
    isChanged = false;
    await saveAll().catch((error: unknown) => fail(faultOf(error)));
    saving = undefined;
    if (isChanged || trouble !== undefined) wake();
  };
  const flush = async (): Promise<void> => {
    // What is being saved now may have been collected before the last change.
    await saving;
    timer?.cancel();
    timer = undefined;
    await (saving ??= save());
  };
  const wake = (): void => {
    isChanged = true;
    if (timer !== undefined || saving !== undefined || users === 0) return;
    timer = clock.timer(() => void flush(), trouble === undefined ? EVERY : RETRY);
  };

  /** After all that was written before. Rejects with a `DatabaseError`. */
  const ask = async (question: Ask): Promise<Answer> => {
    if (queue.size > 0 || saving !== undefined || isChanged) await flush();
    if (thread === undefined)
      throw new DatabaseError({ kind: trouble?.kind ?? "failed", why: "The database is not open" });
    const asked = thread;
    const answer = await asked.ask(question);
    if (answer.fault === undefined) return answer;
    // Opened anew, a damaged file is found out and replaced, and a server that was away is found again.
    if (answer.fault.kind === "corrupt" || answer.fault.kind === "away") {
      if (answer.fault.kind === "away") fail(answer.fault);
      if (thread === asked) await drop();
      wake();
    }
    throw new DatabaseError(answer.fault);
  };

  async function read<Row>(
    query: string | Compilable<Row> | Query<Row>,
    ...given: readonly SqlValue[]
  ): Promise<readonly Row[]> {
    const { sql, values } = typeof query === "string" ? { sql: query, values: given } : queryOf(query);
    const { rows = [] } = await ask({ type: "read", sql, values });
    return rows as readonly Row[];
  }

  const refused = await open();
  if (refused !== undefined) {
    if (isFatal(refused)) throw new ConfigError([problemOf(refused, path)]);
    fail(refused);
    wake();
  }

  return {
    path,
    dialect,
    get trouble() {
      return trouble;
    },
    write(query: string | Compilable | Query, ...given: readonly SqlValue[]) {
      const { sql, values } = typeof query === "string" ? { sql: query, values: given } : queryOf(query);
      queue.push(sql, values);
      if (queue.size === MANY && saving === undefined && trouble === undefined) void flush();
      else wake();
    },
    read,
    async change(all) {
      const changes = all.map((each) => ("compile" in each ? compiled(each) : each));
      const { changed = [], conflict } = await ask({ type: "change", changes });
      return conflict === undefined ? { changed } : { conflict };
    },
    builder: () => (building ??= import("./query-builder.ts").then(({ queryBuilder }) => queryBuilder(dialect))),
    flush,
    wake,
    attach(contributor) {
      contributors.add(contributor);
      return () => contributors.delete(contributor);
    },
    share: () => void users++,
    async close() {
      await flush();
      if (--users > 0) return;
      timer?.cancel();
      await thread?.ask({ type: "close" });
      await drop();
    },
  };
}

function queryOf<Row>(query: Compilable<Row> | Query<Row>): Query<Row> {
  return "compile" in query ? compiled(query) : query;
}
