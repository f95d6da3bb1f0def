/** `proxy credentials add [PROVIDER]`: an API key into `.env`, a provider of one's own, or an account. */
import { relative } from "node:path";
import { checkKey, normalizeId } from "../candidates/keys.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { maskKey } from "../failure/mask.ts";
import { shippedPlugins } from "../load/self.ts";
import { baseUrl } from "../wire/base-url.ts";
import { wrongUse } from "./arguments.ts";
import { type Call, textOf } from "./commands.ts";
import { type Desk, listingHead, listingLines, specifierOf } from "./credentials-desk.ts";
import { addToEnvFile } from "./credentials-env-file.ts";
import { mustBeGiven, type Prompts } from "./credentials-prompts.ts";
import { plain } from "./layout.ts";
import { signIn } from "./login.ts";

export interface Adding extends Pick<Call, "values" | "operands"> {
  readonly prompts: Prompts | undefined;
}

export async function addCredential(desk: Desk, { values, operands, prompts }: Adding): Promise<number> {
  const [name] = operands;
  const given = textOf(values, "key");
  const base = textOf(values, "base-url");
  if (name === undefined) {
    throw mustBeGiven("proxy credentials add needs a PROVIDER", "proxy credentials add openai --key -");
  }
  const kind = (await desk.kinds()).find(({ provider }) => normalizeId(provider) === normalizeId(name));
  if (kind !== undefined && given === undefined && base === undefined) return signIn(desk, { kind, values, prompts });
  const provider = providerId(name);
  if (base === undefined) await mustBeKnown(desk, provider);
  return addKey(desk, { provider, key: given, base, prompts });
}

export interface NewKey {
  readonly provider: string;
  /** `-`: piped in; `undefined`: asked for. */
  readonly key: string | undefined;
  /** Of an OpenAI-compatible provider of one's own. */
  readonly base: string | undefined;
  readonly prompts: Prompts | undefined;
}

/** Resolves with the exit code. The same key is never written twice. */
export async function addKey(desk: Desk, { provider, key: given, base, prompts }: NewKey): Promise<number> {
  const { out, err } = desk.terminal;
  const address = base === undefined ? undefined : soundBase(base);
  const key = given === "-" ? await pipedKey() : (given ?? (await askKey(provider, prompts)));
  checkKey(key, "--key");
  const adding = { provider, key, env: process.env, ...(address !== undefined && { base: address }) };
  const { variable, isNew, file } = await addToEnvFile(desk.root, adding);

  const shown = maskKey(key);
  if (desk.json) {
    const outcome = isNew ? "added" : "known";
    out.line(JSON.stringify({ provider, key: shown, variable, outcome, file: file ?? null }, undefined, 2));
    return 0;
  }
  out.line(`${out.style.green("✔")} ${provider} ${shown}  ${isNew ? "added as" : "is there already, as"} ${variable}`);
  if (file !== undefined) err.line(`  file  ${relative(desk.terminal.cwd, file)}`);
  await tellNext(desk, provider, base);
  return 0;
}

async function tellNext(desk: Desk, provider: string, base: string | undefined): Promise<void> {
  const { err } = desk.terminal;
  const { cyan, dim } = err.style;
  const isListed = desk.config.plugins.some((plugin) =>
    (plugin.providers ?? []).some((each) => normalizeId(each.name) === provider),
  );
  if (isListed) {
    err.line(
      `${dim("  next")}  ${cyan(`proxy credentials check ${provider}`)}; a running server takes it at the next reload (r)`,
    );
    return;
  }
  const specifier = specifierOf(provider);
  const isShipped = base === undefined && (await shippedPlugins()).includes(specifier);
  err.line(`${dim("  next")}  ${listingHead(desk)}`);
  const lines = isShipped
    ? listingLines(desk, specifier)
    : listingLines(desk, "waygate/plugins/openai-compatible", { name: provider });
  for (const line of lines) err.line(`        ${cyan(line)}`);
}

/** A name in the form of ids: it becomes a part of a variable's. */
export function providerId(name: string): string {
  const id = normalizeId(name.trim().toLowerCase());
  if (/^[a-z][a-z\d_]*$/.test(id)) return id;
  const what = `${JSON.stringify(plain(name))} is no name for a provider`;
  throw new ConfigError([
    wrongUse(what, "It begins with a letter; letters, digits and - may follow.", "For instance: lab, my-server"),
  ]);
}

/** A typing error in a provider's name would make a variable that nobody reads. */
async function mustBeKnown(desk: Desk, provider: string): Promise<void> {
  const configured = desk.config.plugins.flatMap((plugin) =>
    (plugin.providers ?? []).map(({ name }) => normalizeId(name)),
  );
  const shipped = (await shippedPlugins()).map((each) => normalizeId(each.slice(each.lastIndexOf("/") + 1)));
  if (configured.includes(provider) || shipped.includes(provider)) return;
  const near = nearest(provider, [...configured, ...shipped]);
  const fix = near === undefined ? "" : `proxy credentials add ${near}, or for `;
  throw new ConfigError([
    wrongUse(
      `There is no provider ${JSON.stringify(provider)}`,
      "Neither the config nor this waygate has one of that name.",
      `${fix || "For "}one of your own: proxy credentials add ${provider} --base-url URL`,
    ),
  ]);
}

function soundBase(base: string): string {
  try {
    return baseUrl(base, { segment: "v1", place: "--base-url" });
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    throw new ConfigError(error.problems.map(({ what, why, fix }) => wrongUse(what, why, fix)));
  }
}

async function askKey(provider: string, prompts: Prompts | undefined): Promise<string> {
  if (prompts === undefined) {
    throw mustBeGiven(
      `The key of ${provider} is missing`,
      `proxy credentials add ${provider} --key - < file-with-the-key`,
    );
  }
  return prompts.secret(`API key of ${provider}`, {
    check: (value) => (/\s/.test(value) ? "A key has no spaces." : undefined),
  });
}

async function pipedKey(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += String(chunk);
  const key = text.trim();
  if (key !== "") return key;
  throw new ConfigError([
    wrongUse("No key was piped in", "stdin was empty.", "proxy credentials add PROVIDER --key - < file-with-the-key"),
  ]);
}
