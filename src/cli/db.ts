/** `proxy db export|import|backup`: the database as a file, into another database, or a copy of it while it is used. */
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { defaults } from "../config/defaults.ts";
import type { OpenDatabase } from "../database/database.ts";
import { DatabaseError } from "../database/fault.ts";
import { exportLines, importLines, TransferError, type Transferred } from "../database/transfer.ts";
import { wrongUse } from "./arguments.ts";
import { loadSource } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { count, plain } from "./layout.ts";
import { openDatabaseOf } from "./open-database.ts";
import { dataFolder, readRunFile } from "./run-file.ts";

type Act = "export" | "import" | "backup";

export async function db(call: Call): Promise<number> {
  const { terminal, values, operands } = call;
  const act = actAsked(operands[0] ?? "");
  const file = operands[1] ?? "";
  const { cwd, err } = terminal;
  const source = await loadSource({ cwd, file: textOf(values, "config") });
  const running = await readRunFile(dataFolder(source.file, cwd, source.config.dataDir ?? defaults.dataDir));
  if (running !== undefined && act === "import") {
    throw problem(
      `The server runs (process ${running.pid})`,
      "It would go on with what it knows, and write that over what is imported.",
      "End it, then import.",
    );
  }
  const database = (await openDatabaseOf(source, cwd))!;
  try {
    const target = file === "-" ? "-" : resolve(cwd, file);
    const done = await run(act, database, target);
    const shown = target === "-" ? "" : act === "import" ? ` from ${file}` : ` to ${file}`;
    if (values["json"] === true && target !== "-")
      terminal.out.line(JSON.stringify({ database: database.path, ...done }));
    else err.line(`${verbs[act]} ${done === undefined ? database.path : count(done.rows, "row")}${shown}`);
    if (running !== undefined && act === "export") {
      err.line("The server was running: what it wrote meanwhile may be there in part. For exact totals end it first.");
    }
    return 0;
  } catch (error) {
    throw explained(error, act, database.path);
  } finally {
    await database.close();
  }
}

const verbs: { readonly [act in Act]: string } = { export: "Exported", import: "Imported", backup: "Copied" };

function actAsked(word: string): Act {
  if (Object.hasOwn(verbs, word)) return word as Act;
  const all = Object.keys(verbs);
  const what = `proxy db cannot ${JSON.stringify(plain(word))}`;
  throw new ConfigError([
    wrongUse(what, `It can ${all.join(", ")}.`, `proxy db ${nearest(word, all) ?? "export"} FILE`),
  ]);
}

async function run(act: Act, database: OpenDatabase, target: string): Promise<Transferred | undefined> {
  if (act === "import") {
    return importLines(database, linesOf(target));
  }
  if (target !== "-" && existsSync(target)) throw new TransferError(`${target} is there already.`);
  if (act === "export") return exportTo(database, target);
  if (database.dialect !== "sqlite") {
    throw new TransferError("Only the SQLite file can be copied like this; PostgreSQL has pg_dump for it.");
  }
  await database.read("VACUUM INTO ?", target);
  return undefined;
}

/** Opened when the first line is asked for: `readline` forgets lines that nobody waits for. */
async function* linesOf(target: string): AsyncGenerator<string> {
  yield* createInterface({ input: target === "-" ? process.stdin : createReadStream(target), crlfDelay: Infinity });
}

async function exportTo(database: OpenDatabase, target: string): Promise<Transferred | undefined> {
  let done: Transferred | undefined;
  const lines = async function* (): AsyncGenerator<string> {
    const source = exportLines(database, Date.now());
    for (;;) {
      const next = await source.next();
      if (next.done) {
        done = next.value;
        return;
      }
      yield `${next.value}\n`;
    }
  };
  // It names users and what they have used.
  const output = target === "-" ? process.stdout : createWriteStream(target, { mode: 0o600, flags: "wx" });
  await pipeline(Readable.from(lines()), output, { end: target !== "-" });
  return done;
}

function explained(error: unknown, act: Act, path: string): unknown {
  if (error instanceof TransferError) {
    const fix =
      act === "import"
        ? "Import a whole export into a new, empty database: database: { path } or postgres({ schema })."
        : "Name another file.";
    return problem(`The database could not be ${act === "backup" ? "copied" : `${act}ed`}`, error.message, fix, path);
  }
  if (error instanceof DatabaseError) {
    return problem("The database refused", `It says: ${error.message}`, "Look at the database and try again.", path);
  }
  return error;
}

function problem(what: string, why: string, fix: string, file?: string): ConfigError {
  return new ConfigError([
    { code: "database_failed", path: ["database"], ...(file !== undefined && { file }), what, why, fix },
  ]);
}
