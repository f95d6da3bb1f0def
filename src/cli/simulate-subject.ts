/** What a simulation is about, looked up in the config: the models asked for, the keys to change, what is assumed. */
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { ProxyError } from "../failure/error.ts";
import { flattenPlugins } from "../plugin/flatten.ts";
import type { AnyConfig } from "../config/types.ts";
import { normalizeId } from "../candidates/keys.ts";
import type { App } from "../plugin/app.ts";
import { keysDocument } from "../server/key-status.ts";
import { type Assumption, type AssumptionRule, assumptionOf } from "../simulation/user/assumption.ts";
import type { WhatIf } from "../simulation/user/what-if.ts";
import { keyAsked } from "./act-on-key.ts";
import { wrongUse } from "./arguments.ts";
import { keyName } from "./keys.ts";
import { count, plain } from "./layout.ts";
import type { AskedChange } from "./simulate-flags.ts";

/** The name given, else the first alias, else the first that is listed. Throws a `ConfigError` when nobody has it. */
export function modelAsked(app: App, given: string | undefined, configName: string): string {
  const { models } = app;
  const name = given ?? models.list()[0]?.id;
  if (name === undefined) {
    const why = `${configName} has no alias, and lists of models are not fetched.`;
    throw new ConfigError([wrongUse("No model to ask for", why, "proxy simulate --model PROVIDER/MODEL")]);
  }
  try {
    models.resolve(name);
    return name;
  } catch (error) {
    if (!ProxyError.is(error)) throw error;
    const near = /Nearest: (.+?)\. All:/.exec(error.message)?.[1];
    const [what, why] =
      error.kind === "not_found"
        ? [`Unknown model ${JSON.stringify(plain(name))}`, `No alias and no provider in ${configName} has it.`]
        : [`The model ${JSON.stringify(plain(name))} may not be used`, error.message];
    const fix = `proxy simulate --model ${near ?? models.list()[0]?.id ?? "PROVIDER/MODEL"}`;
    throw new ConfigError([{ code: error.code ?? error.kind, path: [], what, why, fix }], { cause: error });
  }
}

/** Throws a `ConfigError` of wrong use for a provider or a key that is not there. */
export function changeAsked(app: App, asked: AskedChange): WhatIf {
  if (asked.kind === "swap") return asked;
  const provider = providerOf(app, asked.provider, asked.kind);
  if (asked.kind === "add") return { ...asked, provider };
  if (asked.key === undefined) return { kind: "without", provider };
  const { key } = keyAsked(asked.key, keysDocument(app, { running: false }), provider);
  const found = app.credentials.get(key.id);
  return { kind: "without", provider, key: { id: key.id, name: found ? keyName(found) : key.id } };
}

/** The rules with the providers' own spelling. */
export function rulesAsked(config: AnyConfig, rules: readonly AssumptionRule[]): AssumptionRule[] {
  const providers = flattenPlugins(config.plugins).flatMap((plugin) => plugin.providers ?? []);
  return rules.map((rule) =>
    rule.provider === "*" ? rule : { ...rule, provider: providerOf({ providers }, rule.provider, "assume") },
  );
}

function providerOf({ providers }: Pick<App, "providers">, name: string, flag: string): string {
  const found = providers.find((provider) => normalizeId(provider.name) === normalizeId(name));
  if (found !== undefined) return found.name;
  const known = providers.map((provider) => provider.name);
  const near = nearest(name, known);
  const why = known.length === 0 ? "The config has none." : `The config has ${known.join(", ")}.`;
  const fix = near === undefined ? "proxy keys" : `Write ${near}.`;
  throw new ConfigError([wrongUse(`--${flag}: there is no provider ${JSON.stringify(plain(name))}`, why, fix)]);
}

/** What was taken for true of one provider. Keys with other limits of their own are other entries. */
export interface Assumed {
  readonly provider: string;
  readonly keys: number;
  readonly limitsFrom: "flag" | "config" | "none";
  readonly assumption: Assumption;
}

/** Of the providers behind these models. */
export function assumedOf(app: App, models: readonly string[], rules: readonly AssumptionRule[]): Assumed[] {
  const names = new Set(models.flatMap((model) => providersBehind(app, model)));
  return [...names].flatMap((provider) => {
    const keys = app.credentials.list(provider);
    const all = (keys.length === 0 ? [undefined] : keys).map((key) => assumptionOf(rules, provider, key));
    return [...Map.groupBy(all, (each) => JSON.stringify(each)).values()].map(([first, ...more]): Assumed => ({
      provider,
      keys: keys.length === 0 ? 0 : more.length + 1,
      ...first!,
    }));
  });
}

function providersBehind({ models }: App, model: string): string[] {
  try {
    return models.resolve(model).map(({ provider }) => provider.name);
  } catch (error) {
    if (ProxyError.is(error)) return [];
    throw error;
  }
}

/** `lab  2 keys, 100 rpd each (config), 800 ms, 50 tokens/s, no failures`. */
export function assumedText({ provider, keys, limitsFrom, assumption }: Assumed): string {
  const { errors, latency, speed, rpm, rpd, tpm, tpd } = assumption;
  const limits = Object.entries({ rpm, rpd, tpm, tpd }).flatMap(([name, limit]) =>
    limit === undefined ? [] : [`${limit.toLocaleString("en-US")} ${name}`],
  );
  const from = { flag: "--assume", config: "config", none: "" }[limitsFrom];
  const parts = [
    keys === 0 ? "no key" : count(keys, "key"),
    limits.length === 0 ? "no limits" : `${limits.join(", ")}${keys > 1 ? " each" : ""} (${from})`,
    `${latency} ms`,
    `${speed} tokens/s`,
    errors === 0 ? "no failures" : `${Number((errors * 100).toPrecision(3))}% failures`,
  ];
  return `${plain(provider)}  ${parts.join(", ")}`;
}
