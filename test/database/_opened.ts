/** The same database twice: as a file, and in a PostgreSQL of the test. */
import { expect } from "vitest";
import { postgres } from "waygate/plugins/postgres";
import { type OpenDatabase, openDatabase } from "../../src/database/database.ts";
import { systemClock } from "../../src/runtime.ts";

const usual = {
  clock: systemClock(),
  onProblem: (problem: unknown) => expect(problem).toBeUndefined(),
  onRecovery: () => undefined,
};

/** Closed by whoever asked for it. */
export function openedFile(path: string): Promise<OpenDatabase> {
  return openDatabase({ ...usual, path });
}

export function openedServer(url: string, schema: string): Promise<OpenDatabase> {
  const { place: path, dialect, start } = postgres({ url, schema }).database!;
  return openDatabase({ ...usual, path, dialect, start });
}
