/** `proxy credentials remove PROVIDER NAME`. */
import { apiKeyCredential, environmentPrefix, readKeys } from "../candidates/keys.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import type { Call } from "./commands.ts";
import type { Desk } from "./credentials-desk.ts";
import { removeKey, variableOfKey } from "./credentials-env-file.ts";
import { wantedRows } from "./credentials-list.ts";
import { mustBeGiven, type Prompts, Stopped } from "./credentials-prompts.ts";
import { collectRows, type Row, rowsNamed } from "./credentials-rows.ts";
import { plain } from "./layout.ts";

export interface Removing extends Pick<Call, "values" | "operands"> {
  readonly prompts: Prompts | undefined;
}

export async function removeCredential(desk: Desk, { values, operands, prompts }: Removing): Promise<number> {
  const { out, err } = desk.terminal;
  const [provider, name] = operands;
  if (provider === undefined || (name === undefined && prompts === undefined)) {
    throw mustBeGiven(
      "proxy credentials remove needs a PROVIDER and a NAME",
      "proxy credentials remove PROVIDER NAME --yes",
    );
  }
  const rows = wantedRows((await collectRows(desk)).rows, { provider, state: undefined, act: "remove" });
  const row = name === undefined ? await chooseRow(rows, prompts!) : rowAsked(rows, name);
  const what = plain(`${row.provider} ${row.email ?? row.name}`);
  await confirmed(values["yes"] === true, `Remove ${what}?`, prompts);
  const { kind, account } = row;
  const from = kind !== undefined ? await removeAccount(desk, row) : await removeApiKey(desk, row);
  if (desk.json) out.line(JSON.stringify({ provider: row.provider, name: row.name, removed: from }, undefined, 2));
  else out.line(`${out.style.green("✔")} ${what}  removed from ${from}`);
  if (kind && account) {
    const identity = kind.identify(account.fields);
    const again = (await desk.store.list(kind)).accounts.find(({ fields }) => kind.identify(fields) === identity);
    if (identity !== undefined && again?.origin.kind === "file") {
      err.line(`${err.style.yellow("!")} The account is in ${again.origin.path} too, and is used from there.`);
    }
  }
  return 0;
}

async function chooseRow(rows: readonly Row[], prompts: Prompts): Promise<Row> {
  const choices = rows.map((row, index) => ({ value: String(index), label: plain(row.email ?? row.name) }));
  return rows[Number(await prompts.choose("Which one?", choices))]!;
}

function rowAsked(rows: readonly Row[], name: string): Row {
  const byVariable = rows.filter((row) => row.type === "key" && variableOf(row)?.variable === name);
  const found = byVariable.length > 0 ? byVariable : rowsNamed(rows, name);
  const shown = JSON.stringify(plain(name));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const ids = found.map(({ id, place }) => place ?? id ?? "").join(", ");
    throw new ConfigError([wrongUse(`${shown} is the name of several`, `They are ${ids}.`, "Name one of them so.")]);
  }
  const near = nearest(
    name,
    rows.flatMap((row) => [row.name, row.email ?? ""]),
  );
  const why = "It goes by its name, its e-mail address, its variable, or what the list shows of it.";
  throw new ConfigError([
    wrongUse(`There is no credential ${shown}`, why, near === undefined ? "proxy credentials list" : `Write ${near}.`),
  ]);
}

async function confirmed(isSure: boolean, question: string, prompts: Prompts | undefined): Promise<void> {
  if (isSure) return;
  if (prompts === undefined) throw mustBeGiven(question.replace("?", " is not confirmed"), "the same with --yes");
  if (!(await prompts.confirm(question))) throw new Stopped("Stopped.");
}

async function removeAccount({ store }: Desk, { kind, account, broken, place }: Row): Promise<string> {
  const stored = account ?? broken;
  if (kind !== undefined && stored !== undefined) await store.remove(kind, stored);
  return place ?? "";
}

/** Only lines of `.env` are ours to remove. */
async function removeApiKey(desk: Desk, row: Row): Promise<string> {
  const found = variableOf(row);
  if (found === undefined) {
    const stem = `${environmentPrefix(row.provider)}_API_KEY`;
    throw notOurs(row, `No variable ${stem} holds it: it stands in the config, or in a file that ${stem}_FILE names.`);
  }
  if (await removeKey(desk.root, found.variable, found.key)) {
    delete process.env[found.variable];
    return `.env (${found.variable})`;
  }
  throw notOurs(row, `${found.variable} is set outside of .env.`);
}

function variableOf({ provider, id }: Row): { readonly variable: string; readonly key: string } | undefined {
  const key = readKeys(provider, process.env).find((each) => apiKeyCredential(provider, each).id === id);
  const variable = key === undefined ? undefined : variableOfKey(provider, key, process.env);
  return key === undefined || variable === undefined ? undefined : { variable, key };
}

function notOurs({ provider, name }: Row, why: string): ConfigError {
  return new ConfigError([
    {
      code: "key_elsewhere",
      path: [],
      what: `The key ${plain(name)} of ${provider} is not in .env`,
      why,
      fix: "Remove it there. To leave it unused for now: proxy keys disable KEY",
    },
  ]);
}
