/** Checks keys and plain values against the table of rules. */
import { defaultAt } from "./defaults.ts";
import { nearest } from "./nearest.ts";
import { type ConfigProblem, formatPath } from "./problem.ts";
import { type Rule, isObject, rules, topLevelKeys } from "./rules.ts";

export type Path = readonly (string | number)[];

/** Everything wrong with keys and values outside `plugins`, `models` and `state`. */
export function checkValues(config: { readonly [key: string]: unknown }): ConfigProblem[] {
  return setKeys(config).flatMap((key): ConfigProblem[] => {
    if (!topLevelKeys.includes(key)) return [unknownKey(key, [], topLevelKeys)];
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    return rule === undefined ? [] : checkValue(config[key], rule, [key]);
  });
}

/** Keys that have a value; `undefined` is as good as absent. */
export function setKeys(value: { readonly [key: string]: unknown }): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

function checkValue(value: unknown, rule: Rule, path: Path): ConfigProblem[] {
  if (!rule.accepts(value)) return [wrongValue(value, rule, path)];
  const { keys, items } = rule;
  if (items && Array.isArray(value)) return value.flatMap((each, index) => checkValue(each, items, [...path, index]));
  if (keys === undefined || !isObject(value)) return [];
  const present = setKeys(value);
  const missing = (rule.required ?? []).filter((key) => !present.includes(key));
  return [
    ...missing.map((key): ConfigProblem => {
      const name = formatPath(path);
      const needs = keys[key]?.expected ?? "a value";
      return invalid(path, `${name} has no "${key}"`, `It needs ${needs} there.`, `Add ${key} to ${name}.`);
    }),
    ...present.flatMap((key) => {
      const inner = Object.hasOwn(keys, key) ? keys[key] : undefined;
      return inner === undefined
        ? [unknownKey(key, path, Object.keys(keys))]
        : checkValue(value[key], inner, [...path, key]);
    }),
  ];
}

/** A problem with the code most have. */
export function invalid(
  path: Path,
  what: string,
  why: string,
  fix: string,
  more: { readonly needle?: string; readonly value?: unknown } = {},
): ConfigProblem {
  return { code: "config_invalid", path, what, why, fix, ...more };
}

/** A key nobody reads, with the nearest that somebody does. */
export function unknownKey(key: string, path: Path, known: readonly string[], owner?: string): ConfigProblem {
  const near = nearest(key, known);
  const where = owner ?? (path.length === 0 ? "the config" : formatPath(path));
  return invalid(
    [...path, key],
    `Unknown key ${JSON.stringify(key)} in ${where}`,
    `Known there: ${known.join(", ")}.`,
    near === undefined ? "Remove it." : `Write ${near}.`,
    { needle: key },
  );
}

function wrongValue(value: unknown, rule: Rule, path: Path): ConfigProblem {
  const near = typeof value === "string" && rule.words ? nearest(value, rule.words) : undefined;
  const shown = isSecret(path)
    ? {}
    : { value, ...(typeof value === "string" && value !== "" ? { needle: value } : {}) };
  return invalid(
    path,
    `Wrong value for ${formatPath(path)}`,
    `${seen(value, path)}, but must be ${expectation(rule)}.`,
    near === undefined ? fixOf(value, rule, path) : `Write ${JSON.stringify(near)}.`,
    shown,
  );
}

function expectation(rule: Rule): string {
  return rule.words === undefined ? rule.expected : `one of ${rule.expected}`;
}

function fixOf(value: unknown, rule: Rule, path: Path): string {
  const standard = defaultAt(path);
  if (typeof value === "string" && value.trim() !== "" && rule.accepts(Number(value))) {
    return `Write ${Number(value)} without quotes; a variable of the environment needs Number(…).`;
  }
  if (standard === undefined || standard === "") return `Write ${rule.expected}, or remove it.`;
  return `Remove it for the default, ${JSON.stringify(standard)}, or write ${expectation(rule)}.`;
}

function isSecret(path: Path): boolean {
  return isSecretName(String(path.at(-1)));
}

/** Values under such a name are not shown. */
export function isSecretName(name: string): boolean {
  return /key|secret|token|pass/i.test(name);
}

/** "It is …" with the value, but never one that may be a secret. */
function seen(value: unknown, path: Path): string {
  if (Number.isNaN(value)) return "It is NaN, which Number() makes of a variable that is not set";
  return `It is ${isSecret(path) ? kindOf(value) : describe(value)}`;
}

/** A value in a few words. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return value === ""
      ? "an empty text"
      : `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  }
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}

/** What kind of value it is, without the value. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Promise) return "a promise";
  const kind = typeof value;
  if (kind === "string") return "a text";
  return kind === "undefined" ? "not set" : `${kind === "object" ? "an" : "a"} ${kind}`;
}
