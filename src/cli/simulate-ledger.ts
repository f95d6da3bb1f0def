/** The requests of the ledger as a recording for `proxy simulate --from ledger`. */
import { ConfigError } from "../config/problem.ts";
import type { Source } from "./boot.ts";
import { openDatabaseOf } from "./open-database.ts";
import type { RecordingInit } from "./simulate-recording.ts";

const DAY = 86_400_000;
/** Milliseconds read where nobody says how many. */
const USUAL = 7 * DAY;

/** `last` in milliseconds. Throws a `ConfigError` when there is no ledger or nothing in it. */
export async function readLedger(
  source: Source,
  cwd: string,
  last: number = USUAL,
): Promise<Pick<RecordingInit, "path" | "text">> {
  const database = await openDatabaseOf(source, cwd, { make: false });
  if (database === undefined) throw empty("There is no database yet.");
  try {
    const { usageLines } = await import("waygate/plugins/usage");
    const now = Date.now();
    let text = "";
    for await (const lines of usageLines(database, { from: now - last, to: now, format: "jsonl" })) text += lines;
    if (text === "") throw empty("It holds no request of that time.");
    return { path: database.path, text };
  } finally {
    await database.close();
  }
}

function empty(why: string): ConfigError {
  return new ConfigError([
    {
      code: "recording_invalid",
      path: [],
      what: "The ledger has nothing to simulate",
      why,
      fix: "List usage() in plugins and let the proxy run, or take a file: proxy simulate --from FILE.jsonl",
    },
  ]);
}
