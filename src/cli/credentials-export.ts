/** `proxy credentials export [PROVIDER] [NAME]`: accounts as variables, for hosts without a disk. */
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { emailOf } from "../accounts/fields.ts";
import { accountError, isUnwritable, systemCode } from "../accounts/problem.ts";
import type { AccountKind, StoredAccount } from "../accounts/types.ts";
import { writeWhole } from "../accounts/write-file.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import { type Call, textOf } from "./commands.ts";
import type { Desk } from "./credentials-desk.ts";
import { count, plain } from "./layout.ts";

interface Exported {
  readonly kind: AccountKind;
  readonly account: StoredAccount;
  readonly fileName: string;
  readonly text: string;
}

interface ExportFile {
  readonly name: string;
  readonly text: string;
  readonly accounts: readonly Exported[];
}

/** What every file of ours says of itself. */
const ours = /^# Written by waygate on /m;

export async function exportCredentials(
  desk: Desk,
  { values, operands }: Pick<Call, "values" | "operands">,
): Promise<number> {
  const { out, err, cwd } = desk.terminal;
  const [provider, name] = operands;
  const kinds = provider === undefined ? await desk.kinds() : [await desk.kind(provider, "credentials export")];
  const accounts = await exported(desk, kinds, name);
  if (accounts.length === 0) {
    const who = provider === undefined ? "anybody" : kinds[0]!.provider;
    const fix = `proxy login ${provider === undefined ? "PROVIDER" : kinds[0]!.provider}`;
    throw new ConfigError([
      { code: "account_gone", path: [], what: `There is no account of ${who}`, why: "Nothing was exported.", fix },
    ]);
  }
  const folder = textOf(values, "out");
  if (folder === "-") {
    out.line(
      accounts
        .map(({ text }) => text)
        .join("\n")
        .trimEnd(),
    );
    return 0;
  }
  const files = values["combine"] === true ? [combined(accounts, provider === undefined)] : accounts.map(single);
  const target = resolve(cwd, folder ?? ".");
  for (const file of files) await writeExport(join(target, file.name), file.text, values["force"] === true);
  if (desk.json) {
    const document = files.map(({ name: fileName, accounts: held }) => ({
      file: relative(cwd, join(target, fileName)),
      accounts: held.map(({ kind, account }) => ({ provider: kind.provider, account: account.name })),
    }));
    out.line(JSON.stringify({ exported: document }, undefined, 2));
    return 0;
  }
  for (const { name: fileName, accounts: held } of files) {
    const who = held.map(({ account }) => emailOf(account.fields) ?? account.name).join(", ");
    out.line(`${out.style.green("✔")} ${relative(cwd, join(target, fileName))}  ${plain(who)}`);
  }
  err.line(
    `${count(accounts.length, "account")}. The files hold secrets: keep them out of version control, and remove them when they are where they belong.`,
  );
  return 0;
}

function single(each: Exported): ExportFile {
  return { name: each.fileName, text: each.text, accounts: [each] };
}

function combined(accounts: readonly Exported[], ofAll: boolean): ExportFile {
  const name = ofAll ? "all_providers_combined.env" : `${accounts[0]!.kind.provider}_all_combined.env`;
  return { name, text: accounts.map(({ text }) => text).join("\n"), accounts };
}

async function exported(
  desk: Desk,
  kinds: readonly AccountKind[],
  name: string | undefined,
): Promise<readonly Exported[]> {
  const found: Exported[] = [];
  for (const kind of kinds) {
    const { accounts } = await desk.store.list(kind);
    const wanted = name === undefined ? accounts : [accountAsked(accounts, kind, name)];
    for (const account of wanted) {
      found.push({ kind, account, ...desk.store.exportEnv(kind, account, numberOf(account, accounts)) });
    }
  }
  return found;
}

/** Its place in the list, so that those of one provider do not take each other's variables; in variables its own. */
function numberOf({ name, origin }: StoredAccount, accounts: readonly StoredAccount[]): number {
  const own = origin.kind === "environment" ? Number(/^env-([1-9]\d*)$/.exec(name)?.[1] ?? 1) : undefined;
  return own ?? accounts.findIndex((each) => each.name === name) + 1;
}

function accountAsked(accounts: readonly StoredAccount[], { provider }: AccountKind, name: string): StoredAccount {
  const text = name.toLowerCase();
  const found = accounts.find((each) => each.name === text || emailOf(each.fields)?.toLowerCase() === text);
  if (found !== undefined) return found;
  const names = accounts.map((each) => each.name);
  const near = nearest(name, names);
  const fix =
    near === undefined ? `proxy credentials list ${provider}` : `proxy credentials export ${provider} ${near}`;
  const why = names.length === 0 ? "There is none." : `There are ${names.join(", ")}.`;
  throw new ConfigError([wrongUse(`${provider} has no account ${JSON.stringify(plain(name))}`, why, fix)]);
}

/** Only exports of our own are written over. */
async function writeExport(path: string, text: string, isForced: boolean): Promise<void> {
  try {
    const before = isForced ? undefined : await readFile(path, "utf8").catch(noFile);
    if (before === undefined || before === "" || ours.test(before)) return await writeWhole(path, text);
  } catch (error) {
    if (!isUnwritable(error) && !["ENOENT", "ENOTDIR", "EISDIR"].includes(systemCode(error))) throw error;
    const why = systemCode(error) === "ENOENT" ? "There is no such folder." : `The system says ${systemCode(error)}.`;
    const fix = "Name a folder that is there: --out FOLDER";
    throw accountError({ code: "account_unsaved", at: path, what: "The export cannot be written", why, fix }, error);
  }
  const what = "There is a file of that name already; it was left as it is";
  throw accountError({
    code: "export_exists",
    at: path,
    what,
    why: "It is no export of waygate.",
    fix: "--out another folder, or --force",
  });
}

function noFile(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
}
