/** Accounts from files of other tools and from exports. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseEnv } from "node:util";
import type { Bench } from "./bench.ts";
import { readEnvironment, type AccountsFound } from "./environment.ts";
import { expiryOf } from "./fields.ts";
import { listOwn, storedAt } from "./list.ts";
import { absolute, providerInPath } from "./places.ts";
import { accountError, systemCode } from "./problem.ts";
import { readSound } from "./update.ts";
import { sameAccount, saveAccount } from "./save.ts";
import type { AccountFields, AccountKind, StoredAccount } from "./types.ts";

export interface ImportOptions {
  /** Takes the file's tokens also where those that are stored last longer. */
  readonly replace?: boolean;
  /** What the account's file should be called; for a file of one account. */
  readonly name?: string;
}

export interface ImportedAccount {
  readonly account: StoredAccount;
  /** `kept`: it was there already, with tokens that last as long or longer. */
  readonly outcome: "added" | "renewed" | "kept";
}

export async function importFile(
  bench: Bench,
  kind: AccountKind,
  path: string,
  options: ImportOptions = {},
): Promise<readonly ImportedAccount[]> {
  const { home, cwd } = bench.places;
  const accounts = await readImportable(bench, kind, absolute(path, home, cwd));
  const imported: ImportedAccount[] = [];
  for (const { fields } of accounts) imported.push(await importOne(bench, kind, fields, options));
  return imported;
}

async function importOne(
  bench: Bench,
  kind: AccountKind,
  fields: AccountFields,
  { replace = false, name }: ImportOptions,
): Promise<ImportedAccount> {
  const known = sameAccount(kind, fields, (await listOwn(bench, kind)).accounts);
  const end = (each: AccountFields): number => expiryOf(kind, each) ?? 0;
  if (known !== undefined && !replace && end(known.fields) >= end(fields)) return { account: known, outcome: "kept" };
  const account = await saveAccount(bench, kind, fields, { ownOnly: true, ...(name !== undefined && { name }) });
  return { account, outcome: account.isRenewal ? "renewed" : "added" };
}

/** What the file holds, as the provider understands it; nothing is written. Throws when there is nothing to use. */
export async function readImportable(bench: Bench, kind: AccountKind, path: string): Promise<readonly StoredAccount[]> {
  const owner = providerInPath(path, kind);
  if (owner !== undefined && owner !== kind.provider) throw foreign(kind, path, owner);
  if (!path.endsWith(".env")) return [storedAt(kind, path, (await readSound(bench, kind, path)).fields)];
  const { accounts, broken } = await readVariables(kind, path);
  const [fault] = broken;
  if (fault !== undefined && accounts.length === 0) {
    const what = `${basename(path)} holds no whole account of ${kind.provider}`;
    throw accountError({ code: "account_broken", at: path, what, why: `${fault.path}: ${fault.why}`, fix: fault.fix });
  }
  if (accounts.length > 0) return accounts;
  throw accountError({
    code: "account_foreign",
    at: path,
    what: `${basename(path)} holds no account of ${kind.provider}`,
    why: `None of its variables begins with ${kind.prefix}_.`,
    fix: "Name the provider whose account it is.",
  });
}

async function readVariables(kind: AccountKind, path: string): Promise<AccountsFound> {
  try {
    const text = await readFile(path, "utf8");
    return readEnvironment(kind, parseEnv(text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n")));
  } catch (error) {
    const why = systemCode(error) === "ENOENT" ? "There is no such file." : `The system says ${systemCode(error)}.`;
    const fault = { code: "account_gone", at: path, what: "The file cannot be read", why, fix: "Check the path." };
    throw accountError(fault, error);
  }
}

function foreign(kind: AccountKind, path: string, owner: string): Error {
  return accountError({
    code: "account_foreign",
    at: path,
    what: `That is an account of ${owner}, not of ${kind.provider}`,
    why: "Its file says so. Tokens of one provider do not work with another, and trying locks accounts.",
    fix: `proxy credentials import ${owner} ${path}`,
  });
}
