/** Changing an account while no other process does. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { readEnvironment } from "./environment.ts";
import { joinFields } from "./fields.ts";
import { environmentKey, storedAt } from "./list.ts";
import { type Lock, takeLock } from "./lock.ts";
import { inTurn, memoryKey, recall, remember } from "./memory.ts";
import { accountError, isUnwritable, systemCode } from "./problem.ts";
import { isBroken, readAccount, type ReadAccount } from "./read-file.ts";
import type { AccountFields, AccountKind, StoredAccount } from "./types.ts";
import { writeWhole } from "./write-file.ts";

export interface UpdateOptions {
  /** Ends the waiting for the lock. */
  readonly signal?: AbortSignal;
}

export interface Update extends UpdateOptions {
  readonly kind: AccountKind;
  readonly account: StoredAccount;
  readonly change: (current: AccountFields) => Promise<AccountFields>;
}

export async function updateAccount(bench: Bench, update: Update): Promise<StoredAccount> {
  const { origin } = update.account;
  if (origin.kind === "environment") return updateVariables(bench, update, origin.prefix);
  const { path } = origin;
  const place = await realPlace(update.kind, path);
  return inTurn(place, async () => {
    const lock = await lockOrNone(place, update.signal);
    try {
      return storedAt(update.kind, path, await changeFile(bench, update, { path, lock }));
    } finally {
      await lock?.release();
    }
  });
}

/** `undefined` where the disk lets no lock be made: then nothing is written there either. */
async function lockOrNone(place: string, signal: AbortSignal | undefined): Promise<Lock | undefined> {
  try {
    return await takeLock(`${place}.lock`, { signal });
  } catch (error) {
    if (isUnwritable(error)) return undefined;
    throw error;
  }
}

interface Held {
  readonly path: string;
  readonly lock: Lock | undefined;
}

async function changeFile(bench: Bench, { kind, change }: Update, { path, lock }: Held): Promise<AccountFields> {
  const found = await readSound(bench, kind, path);
  const key = memoryKey(found.real, found.text);
  const current = recall(key) ?? found.fields;
  const result = await change(current);
  if (result === current) return current;
  const fields = joinFields(current, result);
  if (lock !== undefined && !(await lock.held())) {
    const now = await readSound(bench, kind, path);
    // This process slept so long that another one went on without it, and what that wrote is in use.
    if (now.text !== found.text) return now.fields;
  }
  if (lock === undefined) {
    keep(bench, { key, fields, path }, "the folder cannot be written to");
    return fields;
  }
  try {
    await writeAccount(bench, { ...found, path }, fields);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    // The old refresh token may be used up: the new one must not be lost with the disk.
    keep(bench, { key, fields, path }, `the disk did not take it (${systemCode(error)})`);
  }
  return fields;
}

/** Our own folder is encrypted when there is a key; a file of others only when it was before. */
export async function writeAccount(
  { cipher, places }: Bench,
  { path, real, isEncrypted }: { readonly path: string; readonly real: string; readonly isEncrypted: boolean },
  fields: AccountFields,
): Promise<void> {
  const text = JSON.stringify(fields, undefined, 2);
  const isOwn = path.startsWith(join(places.dataDir, "credentials"));
  await writeWhole(real, `${isOwn || isEncrypted ? ((await cipher.seal(text)) ?? text) : text}\n`);
}

const told = new Set<string>();

function keep(
  bench: Bench,
  { key, fields, path }: { key: string; fields: AccountFields; path: string },
  why: string,
): void {
  remember(key, fields);
  if (told.has(path)) return;
  told.add(path);
  bench.warn(`${path}: new tokens are kept in memory only, because ${why}; they are lost with this process.`);
}

async function updateVariables(
  bench: Bench,
  { kind, account, change }: Update,
  prefix: string,
): Promise<StoredAccount> {
  // What stands in the variables now, not what was renewed since.
  const original = readEnvironment(kind, bench.places.env).accounts.find(({ name }) => name === account.name);
  if (original === undefined) throw gone(kind, `${prefix}_…`, "Its variables are not set any more.");
  const key = environmentKey(original);
  return inTurn(key, async () => {
    const current = recall(key) ?? original.fields;
    const result = await change(current);
    if (result === current) return { ...original, fields: current };
    const fields = joinFields(current, result);
    remember(key, fields);
    return { ...original, fields };
  });
}

async function realPlace(kind: AccountKind, path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw gone(kind, path, "The file is not there any more.");
    throw error;
  }
}

/** Throws for a file that is gone or broken. */
export async function readSound(bench: Bench, kind: AccountKind, path: string): Promise<ReadAccount> {
  const found = await readAccount(kind, path, bench.cipher);
  if (found === undefined) throw gone(kind, path, "The file is not there any more.");
  if (!isBroken(found)) return found;
  const { why, fix } = found;
  throw accountError({ code: "account_broken", at: path, what: "An account's file cannot be used", why, fix });
}

function gone(kind: AccountKind, at: string, why: string): Error {
  const fix = `proxy login ${kind.provider}`;
  return accountError({ code: "account_gone", at, what: `An account of ${kind.provider} is gone`, why, fix });
}
