/** `proxy credentials import [PROVIDER] [FILE]`: accounts of other tools, and exports. */
import { relative } from "node:path";
import { emailOf } from "../accounts/fields.ts";
import type { FoundFile } from "../accounts/discover.ts";
import type { ImportedAccount } from "../accounts/import.ts";
import type { AccountKind } from "../accounts/types.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { type Call, textOf } from "./commands.ts";
import { type Desk, listingHead, listingLines, specifierOf } from "./credentials-desk.ts";
import { mustBeGiven, type Prompts } from "./credentials-prompts.ts";
import { count, plain } from "./layout.ts";
import { problemText } from "./print-error.ts";

export interface Importing extends Pick<Call, "values" | "operands"> {
  readonly prompts: Prompts | undefined;
}

interface Source {
  readonly kind: AccountKind;
  readonly path: string;
}

interface Done extends Source {
  readonly imported: readonly ImportedAccount[];
  readonly problem?: ConfigProblem;
}

export async function importCredentials(desk: Desk, { values, operands, prompts }: Importing): Promise<number> {
  const [name, file] = operands;
  const kinds = name === undefined ? await desk.kinds() : [await desk.kind(name, "credentials import")];
  const sources =
    file !== undefined ? [{ kind: kinds[0]!, path: file }] : await discovered(desk, kinds, { values, prompts });
  const account = textOf(values, "account");
  const options = { replace: values["replace"] === true, ...(account !== undefined && { name: account }) };
  const done: Done[] = [];
  for (const source of sources) {
    try {
      done.push({ ...source, imported: await desk.store.importFile(source.kind, source.path, options) });
    } catch (error) {
      // Of several files the others are still wanted.
      if (file !== undefined || !ConfigError.is(error)) throw error;
      done.push({ ...source, imported: [], problem: error.problems[0]! });
    }
  }
  tell(desk, done);
  return done.some(({ problem }) => problem !== undefined) ? 1 : 0;
}

interface Deciding extends Pick<Call, "values"> {
  readonly prompts: Prompts | undefined;
}

/** What is new on this machine, as far as it is wanted. */
async function discovered(
  desk: Desk,
  kinds: readonly AccountKind[],
  { values, prompts }: Deciding,
): Promise<readonly Source[]> {
  const { err, cwd } = desk.terminal;
  const found: { readonly kind: AccountKind; readonly file: FoundFile }[] = [];
  for (const kind of kinds) {
    for (const file of await desk.store.discover(kind)) found.push({ kind, file });
  }
  for (const { kind, file } of found) {
    const who = file.accounts.map(({ fields, name }) => emailOf(fields) ?? name).join(", ");
    const about =
      file.state === "new" ? who : file.state === "known" ? `${who}, in use already` : `broken: ${file.why ?? ""}`;
    err.line(plain(`${file.state === "broken" ? "!" : "·"} ${kind.provider}  ${relative(cwd, file.path)}  ${about}`));
  }
  const news = found.filter(({ file }) => file.state === "new");
  if (news.length === 0) {
    err.line(found.length === 0 ? "Nothing was found that could be imported." : "There is nothing new.");
    return [];
  }
  const sources = news.map(({ kind, file }) => ({ kind, path: file.path }));
  if (values["all"] === true || values["yes"] === true) return sources;
  if (prompts === undefined) {
    throw mustBeGiven(
      `${count(news.length, "file")} could be imported`,
      "proxy credentials import --all, or import PROVIDER FILE",
    );
  }
  const choices = sources.map(({ kind, path }, index) => ({
    value: String(index),
    label: `${kind.provider}  ${relative(cwd, path)}`,
  }));
  const wanted = await prompts.some("Which of them?", choices);
  return wanted.map((index) => sources[Number(index)]!);
}

const words = {
  added: "added",
  renewed: "renewed; it was there already",
  kept: "kept as it is: ours lasts as long or longer",
};

function tell(desk: Desk, done: readonly Done[]): void {
  const { out, err, cwd } = desk.terminal;
  const all = done.flatMap(({ kind, path, imported }) => imported.map((each) => ({ kind, path, ...each })));
  if (desk.json) {
    const imported = all.map(({ kind, path, outcome, account }) => ({
      provider: kind.provider,
      from: path,
      account: account.name,
      email: emailOf(account.fields) ?? null,
      outcome,
    }));
    const failed = done.flatMap(({ path, problem }) =>
      problem ? [{ from: path, why: problem.why, fix: problem.fix }] : [],
    );
    out.line(JSON.stringify({ imported, failed }, undefined, 2));
    return;
  }
  for (const { kind, outcome, account } of all) {
    const mark = outcome === "kept" ? "·" : out.style.green("✔");
    out.line(`${mark} ${plain(`${kind.provider} ${emailOf(account.fields) ?? account.name}`)}  ${words[outcome]}`);
  }
  for (const { problem } of done) if (problem) err.line(problemText(err, [problem], { cwd }));
  if (all.some(({ outcome, path }) => outcome !== "kept" && !path.endsWith(".env"))) {
    err.line(
      `${err.style.yellow("!")} A tool that goes on using the same account may use its refresh token up. Sign in here for one of its own.`,
    );
  }
  const unlisted = new Set(all.map(({ kind }) => kind).filter((kind) => !desk.configured.includes(kind)));
  for (const kind of unlisted) {
    err.line(`${err.style.dim("  next")}  ${listingHead(desk, kind.provider)}`);
    for (const line of listingLines(desk, specifierOf(kind.provider))) err.line(`        ${err.style.cyan(line)}`);
  }
}
