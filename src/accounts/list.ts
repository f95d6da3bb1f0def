/** Which accounts there are. */
import { basename } from "node:path";
import type { Bench } from "./bench.ts";
import { type AccountsFound, readEnvironment } from "./environment.ts";
import { expiryOf, identityOf } from "./fields.ts";
import { memoryKey, recall } from "./memory.ts";
import { ownFiles, seedFiles, variableFiles } from "./places.ts";
import { isBroken, readAccount } from "./read-file.ts";
import type { AccountFields, AccountKind, BrokenAccount, StoredAccount } from "./types.ts";

export async function listAccounts(bench: Bench, kind: AccountKind): Promise<AccountsFound> {
  const environment = readEnvironment(kind, bench.places.env);
  if (environment.accounts.length === 0) {
    const files = await listFiles(bench, kind);
    return { accounts: files.accounts, broken: [...environment.broken, ...files.broken] };
  }
  const accounts = environment.accounts.map((account): StoredAccount => {
    const renewed = recall(environmentKey(account));
    return renewed ? { ...account, fields: renewed } : account;
  });
  return { accounts, broken: environment.broken };
}

/** Under which the renewed fields of an account in variables are kept, while these hold what they hold now. */
export function environmentKey({ provider, origin, fields }: StoredAccount): string {
  const place = origin.kind === "environment" ? origin.prefix : origin.path;
  return memoryKey(`${provider} ${place}`, JSON.stringify(fields));
}

/** Whatever the environment holds. */
export async function listFiles(bench: Bench, kind: AccountKind): Promise<AccountsFound> {
  const { places } = bench;
  const own = await readFiles(bench, kind, await ownFiles(places, kind));
  const others = await readFiles(bench, kind, [...(await seedFiles(places, kind)), ...variableFiles(places, kind)]);
  return {
    accounts: once(kind, [...latestFirst(kind, own.accounts), ...others.accounts], own.accounts),
    broken: [...own.broken, ...others.broken],
  };
}

/** Those in our own folder alone. */
export async function listOwn(bench: Bench, kind: AccountKind): Promise<AccountsFound> {
  return readFiles(bench, kind, await ownFiles(bench.places, kind));
}

async function readFiles(bench: Bench, kind: AccountKind, paths: readonly string[]): Promise<AccountsFound> {
  const accounts: StoredAccount[] = [];
  const broken: BrokenAccount[] = [];
  const read = await Promise.all(paths.map((path) => readAccount(kind, path, bench.cipher)));
  for (const [index, path] of paths.entries()) {
    const each = read[index];
    if (each === undefined) continue;
    if (isBroken(each)) broken.push(each);
    else accounts.push(storedAt(kind, path, recall(memoryKey(each.real, each.text)) ?? each.fields));
  }
  return { accounts, broken };
}

export function storedAt(kind: AccountKind, path: string, fields: AccountFields): StoredAccount {
  return {
    provider: kind.provider,
    origin: { kind: "file", path },
    fields,
    name: basename(path).replace(/\.json$/, ""),
  };
}

/** Of two files of one account that lie side by side the one whose access lasts longer was renewed last. */
function latestFirst(kind: AccountKind, accounts: readonly StoredAccount[]): StoredAccount[] {
  const end = ({ fields }: StoredAccount): number => expiryOf(kind, fields) ?? 0;
  return [...accounts].sort((a, b) => end(b) - end(a));
}

/** Each account once, the first of it; in the order of `order`, then as they come. */
function once(
  kind: AccountKind,
  accounts: readonly StoredAccount[],
  order: readonly StoredAccount[],
): readonly StoredAccount[] {
  const seen = new Set<string>();
  const kept = accounts.filter(({ fields }) => {
    const identity = identityOf(kind, fields);
    if (identity === undefined) return true;
    const isNew = !seen.has(identity);
    seen.add(identity);
    return isNew;
  });
  return [...order.filter((account) => kept.includes(account)), ...kept.filter((account) => !order.includes(account))];
}
