/** Saving an account that somebody signed in to, or that was imported. */
import { constants } from "node:fs";
import { access, lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { emailOf, identityOf, joinFields } from "./fields.ts";
import { listFiles, listOwn, storedAt } from "./list.ts";
import { takeLock } from "./lock.ts";
import { inTurn } from "./memory.ts";
import { fileNames, givenName } from "./names.ts";
import { ownFolder } from "./places.ts";
import { accountError, isUnwritable, systemCode } from "./problem.ts";
import type { AccountFields, AccountKind, StoredAccount } from "./types.ts";
import { updateAccount, writeAccount } from "./update.ts";
import { makeAccountFolder } from "./write-file.ts";

export interface SaveOptions {
  /** What its file should be called; taken only where no other account has that name. */
  readonly name?: string;
  /** Leaves files of other tools alone: the account gets a file of its own even when it was used from one of those. */
  readonly ownOnly?: boolean;
}

export interface SavedAccount extends StoredAccount {
  /** True when the account was there before. */
  readonly isRenewal: boolean;
}

export async function ensureWritable(bench: Bench, kind: AccountKind): Promise<void> {
  await writing(bench, kind, async (folder) => {
    await access(folder, constants.W_OK);
  });
}

export async function saveAccount(
  bench: Bench,
  kind: AccountKind,
  fields: AccountFields,
  options: SaveOptions = {},
): Promise<SavedAccount> {
  return writing(bench, kind, async (folder) =>
    inTurn(folder, async () => {
      // Two processes must not choose one name for two accounts.
      const lock = await takeLock(join(folder, ".names.lock"));
      try {
        return await saveIn(bench, { kind, fields, folder, options });
      } finally {
        await lock.release();
      }
    }),
  );
}

interface Saving {
  readonly kind: AccountKind;
  readonly fields: AccountFields;
  readonly folder: string;
  readonly options: SaveOptions;
}

async function saveIn(bench: Bench, { kind, fields, folder, options }: Saving): Promise<SavedAccount> {
  const { accounts } = await (options.ownOnly ? listOwn : listFiles)(bench, kind);
  const wanted = options.name === undefined ? undefined : givenName(options.name);
  const known = sameAccount(kind, fields, accounts) ?? namelessMatch(kind, { fields, wanted }, accounts);
  if (known !== undefined) {
    const change = async (current: AccountFields): Promise<AccountFields> => joinFields(current, fields);
    return { ...(await updateAccount(bench, { kind, account: known, change })), isRenewal: true };
  }
  const path = await freePath(folder, kind, fields, wanted);
  await writeAccount(bench, { path, real: path, isEncrypted: false }, fields);
  return { ...storedAt(kind, path, fields), isRenewal: false };
}

export function sameAccount(
  kind: AccountKind,
  fields: AccountFields,
  accounts: readonly StoredAccount[],
): StoredAccount | undefined {
  const identity = identityOf(kind, fields);
  return identity === undefined ? undefined : accounts.find((each) => identityOf(kind, each.fields) === identity);
}

/** Where the provider does not tell accounts apart, the name that the person gave does. */
function namelessMatch(
  kind: AccountKind,
  { fields, wanted }: { readonly fields: AccountFields; readonly wanted: string | undefined },
  accounts: readonly StoredAccount[],
): StoredAccount | undefined {
  const found = wanted === undefined ? undefined : accounts.find(({ name }) => name === wanted);
  if (found === undefined) return undefined;
  return kind.identify(fields) === undefined || kind.identify(found.fields) === undefined ? found : undefined;
}

async function freePath(
  folder: string,
  kind: AccountKind,
  fields: AccountFields,
  wanted: string | undefined,
): Promise<string> {
  const names = fileNames(wanted ?? emailOf(fields), identityOf(kind, fields));
  for (;;) {
    const path = join(folder, `${names.next().value}.json`);
    // Also one that is broken, or a link that leads nowhere.
    const isTaken = await lstat(path).then(
      () => true,
      (error: unknown) => systemCode(error) !== "ENOENT",
    );
    if (!isTaken) return path;
  }
}

/** Makes the folder; says of a disk that takes nothing what to do. */
async function writing<T>(bench: Bench, kind: AccountKind, action: (folder: string) => Promise<T>): Promise<T> {
  try {
    return await action(await makeAccountFolder(bench.places.dataDir, kind.provider));
  } catch (error) {
    const code = systemCode(error);
    if (!isUnwritable(error) && code !== "ENOTDIR" && code !== "EEXIST") throw error;
    throw accountError(
      {
        code: "account_unsaved",
        at: ownFolder(bench.places, kind),
        what: `An account of ${kind.provider} cannot be saved`,
        why: `The folder cannot be written to (${code}).`,
        fix: "Let this user write there, or set dataDir in the config. On a host without a disk, accounts come from variables: proxy credentials export",
      },
      error,
    );
  }
}
