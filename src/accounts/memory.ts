/**
 * What could not be written to where an account comes from: new tokens of accounts in variables or on a disk that is
 * read-only. Kept for the whole process, because the configuration may be loaded again while the old refresh tokens are
 * used up; found by what stands in the environment or in the file, so that whatever changes there wins.
 */
import { createHash } from "node:crypto";
import type { AccountFields } from "./types.ts";

const kept = new Map<string, AccountFields>();

/** Tells two states of one place apart without keeping either. */
export function memoryKey(place: string, content: string): string {
  return createHash("sha256").update(`${place}\n${content}`).digest("base64");
}

export function remember(key: string, fields: AccountFields): void {
  kept.set(key, fields);
}

export function recall(key: string): AccountFields | undefined {
  return kept.get(key);
}

const turns = new Map<string, Promise<unknown>>();

/** One after the other for the same name, within this process. */
export async function inTurn<T>(name: string, action: () => Promise<T>): Promise<T> {
  const before = turns.get(name);
  const mine = (async () => {
    await before?.catch(() => undefined); // Told to whoever asked for it.
    return action();
  })();
  turns.set(name, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(name) === mine) turns.delete(name);
  }
}
