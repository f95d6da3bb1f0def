/** Files on this machine that hold accounts and could be imported. */
import { join } from "node:path";
import { ConfigError } from "../config/problem.ts";
import type { Bench } from "./bench.ts";
import { readImportable } from "./import.ts";
import { listFiles } from "./list.ts";
import { exportedFiles, proxyApiFiles, seedFiles, variableFiles } from "./places.ts";
import { isBroken, readAccount } from "./read-file.ts";
import { sameAccount } from "./save.ts";
import type { AccountKind, StoredAccount } from "./types.ts";

export interface FoundFile {
  readonly path: string;
  /** `official`: of the provider's own tool. `variable`: named by `<PREFIX>_OAUTH_<N>`. `export`: variables in a file. */
  readonly from: "official" | "seed" | "variable" | "cli-proxy-api" | "export";
  /** Empty when it is broken. */
  readonly accounts: readonly StoredAccount[];
  /** `known`: all of its accounts are in use already, from our own files or from this one. */
  readonly state: "new" | "known" | "broken";
  /** Of a broken one: for people, without secrets. */
  readonly why?: string;
}

export async function discover(bench: Bench, kind: AccountKind): Promise<readonly FoundFile[]> {
  const { places } = bench;
  const { accounts: inUse } = await listFiles(bench, kind);
  const paths: (readonly [FoundFile["from"], readonly string[]])[] = [
    ["official", kind.officialFiles.map((path) => join(places.home, path))],
    ["seed", await seedFiles(places, kind)],
    ["variable", variableFiles(places, kind)],
    ["cli-proxy-api", await ofThisKind(bench, kind, await proxyApiFiles(places))],
    ["export", await exportedFiles(places, kind)],
  ];
  const found: FoundFile[] = [];
  for (const [from, each] of paths) {
    for (const path of each) {
      if (found.some((other) => other.path === path)) continue;
      const file = await look(bench, kind, { path, from }, inUse);
      if (file !== undefined) found.push(file);
    }
  }
  return found;
}

async function look(
  bench: Bench,
  kind: AccountKind,
  { path, from }: Pick<FoundFile, "path" | "from">,
  inUse: readonly StoredAccount[],
): Promise<FoundFile | undefined> {
  try {
    const accounts = await readImportable(bench, kind, path);
    const isKnown = accounts.every(({ fields }) => sameAccount(kind, fields, inUse) !== undefined);
    return { path, from, accounts, state: isKnown ? "known" : "new" };
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    const [problem] = error.problems;
    if (problem?.code === "account_gone") return undefined;
    return { path, from, accounts: [], state: "broken", why: problem?.why ?? "" };
  }
}

/** That folder holds accounts of many providers; what is not of this one is no fault. */
async function ofThisKind(bench: Bench, kind: AccountKind, paths: readonly string[]): Promise<readonly string[]> {
  const read = await Promise.all(paths.map((path) => readAccount(kind, path, bench.cipher)));
  return paths.filter((_, index) => {
    const each = read[index];
    return each !== undefined && !isBroken(each);
  });
}
