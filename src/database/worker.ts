/** The thread that holds the database: no write and no `fsync` ever waits on the thread that serves requests. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";
import { blamesStatement, DatabaseError, faultOf } from "./fault.ts";
import { openFile, putAside } from "./file.ts";
import type { Answer, Ask, Change, Numbered, SqlRow, Write } from "./messages.ts";

/** Prepared statements kept. */
const PREPARED = 200;

let connection: DatabaseSync | undefined;
let file = "";
const prepared = new Map<string, StatementSync>();

function opened(): DatabaseSync {
  if (connection === undefined) throw new DatabaseError({ kind: "failed", why: "The database is not open." });
  return connection;
}

function statement(sql: string): StatementSync {
  let found = prepared.get(sql);
  if (found === undefined) {
    found = opened().prepare(sql);
    if (prepared.size >= PREPARED) prepared.clear();
    prepared.set(sql, found);
  }
  return found;
}

function open(path: string, now: number): Answer {
  close();
  const found = openFile(path, now);
  ({ connection } = found);
  file = path;
  return found.setAside === undefined ? {} : { setAside: found.setAside };
}

function close(): void {
  prepared.clear();
  connection?.close();
  connection = undefined;
}

function write(writes: readonly Write[]): Answer {
  const target = opened();
  let count = 0;
  let why = "";
  target.exec("BEGIN IMMEDIATE");
  try {
    for (const { sql, rows } of writes) {
      for (const row of rows) {
        try {
          statement(sql).run(...row);
        } catch (error) {
          if (!blamesStatement(error)) throw error;
          if (count++ === 0) why = error instanceof Error ? error.message : String(error);
        }
      }
    }
    target.exec("COMMIT");
  } catch (error) {
    if (target.isTransaction) target.exec("ROLLBACK");
    throw error;
  }
  return count === 0 ? {} : { refused: { count, why } };
}

function change(changes: readonly Change[]): Answer {
  const target = opened();
  const changed: number[] = [];
  target.exec("BEGIN IMMEDIATE");
  try {
    for (const { sql, values, expect } of changes) {
      const rows = Number(statement(sql).run(...values).changes);
      if (expect !== undefined && rows !== expect) {
        target.exec("ROLLBACK");
        return { conflict: changed.length };
      }
      changed.push(rows);
    }
    target.exec("COMMIT");
  } catch (error) {
    if (target.isTransaction) target.exec("ROLLBACK");
    throw error;
  }
  return { changed };
}

function read(sql: string, values: Extract<Ask, { type: "read" }>["values"]): Answer {
  return { rows: statement(sql).all(...values) as readonly SqlRow[] };
}

function answer(ask: Ask): Answer {
  try {
    if (ask.type === "open") return open(ask.path, ask.now);
    if (ask.type === "read") return read(ask.sql, ask.values);
    if (ask.type === "write") return write(ask.writes);
    if (ask.type === "change") return change(ask.changes);
    close();
    return {};
  } catch (error) {
    const fault = faultOf(error);
    if (fault.kind !== "corrupt" || ask.type !== "write") return { fault };
    return renew(ask.now);
  }
}

/** Damage met while running: a new file, into which the caller writes all it knows again. */
function renew(now: number): Answer {
  try {
    try {
      close();
    } catch {
      connection = undefined; // A damaged file may not even let itself be closed in order.
    }
    const setAside = putAside(file, now);
    return { ...open(file, now), setAside };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

parentPort?.on("message", (ask: Numbered<Ask>) => {
  parentPort?.postMessage({ id: ask.id, ...answer(ask) } satisfies Numbered<Answer>, []);
});
