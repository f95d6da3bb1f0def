/**
 * Fits values of a data file to the published schema: what came from a variable becomes the number or the flag it stands
 * for, and options of first-party plugins, which no compiler has seen here, are checked.
 */
import { readFileSync } from "node:fs";
import { type Path, describe, invalid, isSecretName, kindOf, setKeys, unknownKey } from "../../config/check-values.ts";
import type { JsonSchema } from "../../config/json-schema.ts";
import { nearest } from "../../config/nearest.ts";
import { type ConfigProblem, formatPath } from "../../config/problem.ts";
import { isObject } from "../../config/rules.ts";
import { shownPath } from "./substitute.ts";

interface ConfigSchema extends JsonSchema {
  readonly definitions: { readonly [name: string]: JsonSchema };
}

// Above the sources, and above `dist` once built.
const place = new URL(`../../../${import.meta.url.endsWith(".ts") ? "" : "../"}schema.json`, import.meta.url);
let read: ConfigSchema | undefined;

export function configSchema(): ConfigSchema {
  return (read ??= JSON.parse(readFileSync(place, "utf8")) as ConfigSchema);
}

/** What the arguments of a first-party plugin are; `undefined` for others. */
export function argumentsOf(specifier: string): readonly JsonSchema[] | undefined {
  const { items } = configSchema().properties?.["plugins"] ?? {};
  const entries = Array.isArray(items) ? [] : ((items as JsonSchema | undefined)?.anyOf ?? []);
  const lists = entries.flatMap((entry) => (Array.isArray(entry.items) ? [entry.items as readonly JsonSchema[]] : []));
  return lists.find(([name]) => name?.const === specifier)?.slice(1);
}

export interface FitOptions {
  isFromVariable(path: Path): boolean;
}

export interface Fitted {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
}

/** The value as the schema wants it. What is null in an object counts as absent. */
export function fit(value: unknown, schema: JsonSchema, path: Path, options: FitOptions): Fitted {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return fit(value, configSchema().definitions[name] ?? {}, path, options);
  }
  if (schema.anyOf) return fitAny(value, schema, schema.anyOf, path, options);
  const given = options.isFromVariable(path) ? fromText(value, schema.type) : value;
  if (!accepts(given, schema)) return { value: given, problems: [wrong(given, schema, path, options)] };
  if (Array.isArray(given)) {
    const { items = {} } = schema;
    const all = given.map((each: unknown, index) => {
      const own = Array.isArray(items) ? (items as readonly JsonSchema[])[index] : (items as JsonSchema);
      return fit(each, own ?? {}, [...path, index], options);
    });
    return { value: all.map((each) => each.value), problems: all.flatMap((each) => each.problems) };
  }
  return isObject(given) ? fitObject(given, schema, path, options) : { value: given, problems: [] };
}

function fitObject(
  value: { readonly [key: string]: unknown },
  schema: JsonSchema,
  path: Path,
  options: FitOptions,
): Fitted {
  const { properties = {}, additionalProperties: others = true, required = [] } = schema;
  const problems: ConfigProblem[] = [];
  const fitted: [string, unknown][] = [];
  const shown = shownPath(path);
  for (const key of setKeys(value)) {
    if (value[key] === null) continue;
    const own = Object.hasOwn(properties, key) ? properties[key] : typeof others === "object" ? others : undefined;
    if (own === undefined && others === false) problems.push(unknownKey(key, shown, Object.keys(properties)));
    const inner = fit(value[key], own ?? {}, [...path, key], options);
    problems.push(...inner.problems);
    fitted.push([key, inner.value]);
  }
  const missing = required.filter((key) => !fitted.some(([name]) => name === key));
  problems.push(
    ...missing.map((key) => {
      const name = formatPath(shown);
      return invalid(shown, `${name} has no "${key}"`, "It cannot do without.", `Add ${key}.`);
    }),
  );
  return { value: Object.fromEntries(fitted), problems };
}

/** The first alternative that takes it; else the complaints of the only one of its kind. */
function fitAny(
  value: unknown,
  schema: JsonSchema,
  all: readonly JsonSchema[],
  path: Path,
  options: FitOptions,
): Fitted {
  const tries = all.map((each) => fit(value, each, path, options));
  const good = tries.find(({ problems }) => problems.length === 0);
  if (good) return good;
  const ofKind = tries.find((_each, index) => accepts(value, all[index]!));
  return ofKind ?? { value, problems: [wrong(value, schema, path, options)] };
}

function accepts(value: unknown, schema: JsonSchema): boolean {
  const { type, const: constant, enum: list, minimum, maximum, pattern } = schema;
  if (constant !== undefined && value !== constant) return false;
  if (list && !list.includes(value)) return false;
  if (pattern !== undefined && typeof value === "string" && !new RegExp(pattern).test(value)) return false;
  if (typeof value === "number" && (value < (minimum ?? -Infinity) || value > (maximum ?? Infinity))) return false;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return type === undefined || typeof value === type;
}

/** A text for a number or a flag, as far as it is one. */
function fromText(value: unknown, type: string | undefined): unknown {
  if (typeof value !== "string") return value;
  if (type === "boolean" && /^(?:true|false)$/.test(value)) return value === "true";
  const isNumber = (type === "number" || type === "integer") && value.trim() !== "" && Number.isFinite(Number(value));
  return isNumber ? Number(value) : value;
}

function wrong(value: unknown, schema: JsonSchema, path: Path, options: FitOptions): ConfigProblem {
  const shown = shownPath(path);
  const isSecret = options.isFromVariable(path) || path.some((part) => isSecretName(String(part)));
  const expected = expectation(schema);
  const near = typeof value === "string" ? nearest(value, (schema.enum ?? []).map(String)) : undefined;
  const isUnquoted = typeof value !== "string" && typeof value !== "object" && /\ba text\b/.test(expected);
  const fix = isUnquoted
    ? "Write it in quotes."
    : near === undefined
      ? `Write ${expected}.`
      : `Write ${JSON.stringify(near)}.`;
  const why = `It is ${isSecret ? kindOf(value) : describe(value)}, but must be ${expected}.`;
  return invalid(shown, `Wrong value for ${formatPath(shown)}`, why, fix);
}

const words: { readonly [type: string]: string } = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function expectation(schema: JsonSchema): string {
  const { type = "", anyOf, enum: list, minimum, maximum } = schema;
  if (anyOf) return anyOf.map(expectation).join(" or ");
  if (list) return `one of ${list.map((word) => JSON.stringify(word)).join(", ")}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const least = minimum === undefined ? "" : ` from ${minimum}`;
  return `${words[type] ?? "something else"}${least}${maximum === undefined ? "" : ` to ${maximum}`}`;
}
