/** `proxy login PROVIDER`: signs in to an account and keeps it. */
import { relative } from "node:path";
import { emailOf } from "../accounts/fields.ts";
import type { SavedAccount } from "../accounts/save.ts";
import type { AccountKind, StoredAccount } from "../accounts/types.ts";
import { ConfigError } from "../config/problem.ts";
import { ProxyError } from "../failure/error.ts";
import { maskSecrets } from "../failure/mask.ts";
import { wrongUse } from "./arguments.ts";
import { type Call, textOf, type Values } from "./commands.ts";
import { type Desk, listingHead, listingLines, openDesk, specifierOf } from "./credentials-desk.ts";
import { personAt } from "./credentials-person.ts";
import { mustBeGiven, type Prompts, promptsAt, Stopped } from "./credentials-prompts.ts";
import { plain } from "./layout.ts";
import { readRunFile, dataFolder } from "./run-file.ts";

export async function login(call: Call): Promise<number> {
  const desk = await openDesk(call);
  try {
    const prompts = promptsAt(call.terminal, call.values);
    const [name] = call.operands;
    const kind = name === undefined ? await chooseKind(desk, prompts) : await desk.kind(name, "login");
    return await signIn(desk, { kind, values: call.values, prompts });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    call.terminal.err.line("Nothing was saved.");
    return 1;
  } finally {
    await desk.close();
  }
}

/** Throws a `ConfigError` of wrong use where nobody can be asked. */
export async function chooseKind(desk: Desk, prompts: Prompts | undefined): Promise<AccountKind> {
  const kinds = await desk.kinds();
  const ids = kinds.map(({ provider }) => provider).join("|");
  if (prompts === undefined) throw mustBeGiven("proxy login needs a PROVIDER", `proxy login ${ids || "PROVIDER"}`);
  const id = await prompts.choose(
    "Which provider?",
    kinds.map(({ provider, title }) => ({ value: provider, label: title })),
  );
  return desk.kind(id, "login");
}

export interface SignIn {
  readonly kind: AccountKind;
  readonly values: Values;
  readonly prompts: Prompts | undefined;
}

/** Resolves with the exit code. */
export async function signIn(desk: Desk, { kind, values, prompts }: SignIn): Promise<number> {
  const { terminal, store } = desk;
  const { err } = terminal;
  const port = portAsked(textOf(values, "port"));
  // Before somebody takes the trouble.
  await store.ready(kind);
  const before = await store.list(kind);
  const wanted = textOf(values, "account");
  const meant = wanted === undefined ? undefined : accountMeant(wanted, before.accounts);
  err.line(`${err.style.yellow("!")} ${plain(`${kind.title}: ${kind.risk}`)}`);

  const control = new AbortController();
  const stop = (): void => control.abort(new Stopped("Stopped."));
  process.once("SIGINT", stop);
  try {
    const account = meant ? emailOf(meant.fields) : wanted?.includes("@") ? wanted : undefined;
    const person = personAt({
      terminal,
      context: desk.context(kind, control.signal),
      prompts,
      isPasting: values["paste"] === true,
      mayOpen: values["browser"] !== false,
      stop,
      ...(port !== undefined && { port }),
      ...(account !== undefined && { account }),
    });
    const fields = await kind.login(person);
    const name = meant?.origin.kind === "file" ? meant.name : wanted;
    const saved = await store.save(kind, fields, name === undefined ? {} : { name });
    await tell(desk, {
      kind,
      saved,
      meant,
      isOverruled: before.accounts.some(({ origin }) => origin.kind === "environment"),
    });
    return 0;
  } catch (error) {
    // What a flow makes of the abort is not what happened.
    if (control.signal.aborted) throw control.signal.reason as Error;
    throw ProxyError.is(error) ? failedLogin(kind, error) : error;
  } finally {
    process.off("SIGINT", stop);
  }
}

function accountMeant(wanted: string, accounts: readonly StoredAccount[]): StoredAccount | undefined {
  const text = wanted.toLowerCase();
  return accounts.find(({ name, fields }) => name === text || emailOf(fields)?.toLowerCase() === text);
}

interface Told {
  readonly kind: AccountKind;
  readonly saved: SavedAccount;
  readonly meant: StoredAccount | undefined;
  /** The environment has accounts of this provider. */
  readonly isOverruled: boolean;
}

async function tell(desk: Desk, { kind, saved, meant, isOverruled }: Told): Promise<void> {
  const { terminal, json, configured } = desk;
  const { out, err, cwd } = terminal;
  const file = saved.origin.kind === "file" ? saved.origin.path : saved.origin.prefix;
  const email = emailOf(saved.fields);
  const isConfigured = configured.includes(kind);
  if (json) {
    const document = { provider: kind.provider, account: saved.name, email: email ?? null, file };
    out.line(JSON.stringify({ ...document, renewed: saved.isRenewal, configured: isConfigured }, undefined, 2));
    return;
  }
  const done = saved.isRenewal ? "renewed; it was there already" : "added";
  out.line(`${out.style.green("✔")} ${plain(`${kind.provider} ${email ?? saved.name}`)}  ${done}`);
  err.line(`  file  ${relative(cwd, file) || file}`);
  if (meant !== undefined && meant.name !== saved.name) {
    err.line(`${err.style.yellow("!")} That is another account than ${plain(meant.name)}, which is as it was.`);
  }
  if (isOverruled) {
    err.line(
      `${err.style.yellow("!")} ${kind.provider} has accounts in the environment, and files are not used beside them.`,
    );
  }
  const { dim, cyan } = err.style;
  if (!isConfigured) {
    err.line(`${dim("  next")}  ${listingHead(desk)}`);
    for (const line of listingLines(desk, specifierOf(kind.provider))) err.line(`        ${cyan(line)}`);
    return;
  }
  const folder = dataFolder(desk.source.file, cwd, desk.config.dataDir);
  const isRunning = (await readRunFile(folder)) !== undefined;
  err.line(
    `${dim("  next")}  ${isRunning ? "the running server takes it by itself within seconds" : cyan("proxy start")}`,
  );
}

function failedLogin({ provider, title }: AccountKind, error: ProxyError): ConfigError {
  const problem = {
    code: error.code ?? error.kind,
    path: [],
    what: `Nobody signed in to ${title}`,
    why: plain(maskSecrets(error.message)),
    fix: `Do what it says, then: proxy login ${provider}`,
  };
  return new ConfigError([problem], { cause: error });
}

function portAsked(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number <= 65_535) return number;
  const what = "--port is not a whole number from 0 to 65535";
  throw new ConfigError([
    wrongUse(what, `It is ${JSON.stringify(plain(text))}.`, "--port 8085, or without it the provider's own"),
  ]);
}
