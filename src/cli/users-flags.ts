/** What the flags of `proxy users` say, as the fields of the API. Throws a `ConfigError` of wrong use. */
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import { textOf, type Values } from "./commands.ts";
import { plain } from "./layout.ts";

export interface QuotaFlag {
  readonly family: string;
  readonly unit: string;
  readonly period: string;
  /** `undefined` takes the quota away. */
  readonly amount: number | undefined;
}

/** Only those that were given. `none` takes a value away. */
export function fieldsOf(values: Values): { readonly [field: string]: unknown } {
  const fields: { [field: string]: unknown } = {};
  const set = (flag: string, field: string, read: (text: string) => unknown): void => {
    const text = textOf(values, flag);
    if (text !== undefined) fields[field] = text === "none" ? null : read(text);
  };
  const same = (text: string): string => text;
  const list = (text: string): string[] => text.split(",").map((each) => each.trim());
  set("name", "name", same);
  set("note", "note", same);
  set("kind", "kind", same);
  set("group", "group", same);
  set("models", "models", list);
  set("credentials", "credentials", list);
  set("limits", "limits", limitsOf);
  set("max-ips", "max_ips", (text) => numberOf("max-ips", text));
  set("expires", "expires_at", same);
  set("lifetime", "lifetime", lifetimeOf);
  for (const field of ["name", "note"]) if (fields[field] === null) fields[field] = "";
  const ban = values["ban-over-ips"];
  if (typeof ban === "boolean") fields["ban_over_ips"] = ban;
  return fields;
}

/** `tokens/daily=100000`, `claude*:cost/monthly=5`, `requests/0 9 * * 1=50`; `=none` takes one away. */
export function quotaFlags(texts: readonly string[]): QuotaFlag[] {
  return texts.map((text) => {
    const [, family = "*", unit, period, amount] = /^(?:(.+):)?(tokens|requests|cost)\/([^=]+)=(.+)$/.exec(text) ?? [];
    if (unit === undefined || period === undefined || amount === undefined) {
      throw wrong(
        `${JSON.stringify(plain(text))} is no quota`,
        "It is [MODELS:]UNIT/PERIOD=AMOUNT.",
        '"claude*:tokens/daily=100000"',
      );
    }
    return { family, unit, period, amount: amount === "none" ? undefined : numberOf("quota", amount) };
  });
}

/** The quotas there are with these changes. */
export function withQuotas(
  before: readonly QuotaFlag[],
  changes: readonly QuotaFlag[],
): { readonly family: string; readonly unit: string; readonly period: string; readonly amount: number }[] {
  const name = ({ family, unit, period }: QuotaFlag): string => `${family}\0${unit}\0${period}`;
  const all = new Map([...before, ...changes].map((quota) => [name(quota), quota]));
  return [...all.values()].flatMap(({ family, unit, period, amount }) =>
    amount === undefined ? [] : [{ family, unit, period, amount }],
  );
}

function limitsOf(text: string): { readonly [name: string]: number } {
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [name = "", value = ""] = part.split("=");
      return [name.trim(), numberOf("limits", value.trim())];
    }),
  );
}

function lifetimeOf(text: string): number {
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  const lengths: { readonly [unit: string]: number } = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  if (count !== undefined && unit !== undefined) return Number(count) * lengths[unit]!;
  throw wrong(`--lifetime cannot be ${JSON.stringify(plain(text))}`, "It is a span of time.", "--lifetime 24h");
}

function numberOf(flag: string, text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (text !== "" && Number.isFinite(value)) return value;
  throw wrong(
    `--${flag}: ${JSON.stringify(plain(text))} is no number`,
    "Digits are needed there.",
    `proxy users --help`,
  );
}

export function wrong(what: string, why: string, fix: string): ConfigError {
  return new ConfigError([wrongUse(what, why, fix)]);
}
