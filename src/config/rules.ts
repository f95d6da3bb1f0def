/** What each value of a config must be. One table; the checks that need more than one value are in their own files. */
import { ownOutcomes, restTime, statusRange } from "../failure/own-rules.ts";
import type { JsonSchema } from "./json-schema.ts";

/** `accepts` decides, `expected` completes "must be …". */
export interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
  /** Keys inside, when the value is an object with a fixed set of them. */
  readonly keys?: { readonly [key: string]: Rule };
  /** Those of `keys` that must be there. */
  readonly required?: readonly string[];
  /** What each entry is, when the value is a list of such. */
  readonly items?: Rule;
  /** The words allowed, for a suggestion. */
  readonly words?: readonly string[];
  /** The same for editors, as far as JSON Schema can say it; `keys`, `required` and `words` are added to it. */
  readonly schema: JsonSchema;
}

/** Timers of JavaScript fire at once beyond this. */
const longestTimer = 2 ** 31 - 1;

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;
const listOfTexts: JsonSchema = { type: "array", items: { type: "string", minLength: 1 } };
const text: Rule = {
  expected: "a text that is not empty",
  accepts: isText,
  schema: { type: "string", minLength: 1 },
};
const flag: Rule = {
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
  schema: { type: "boolean" },
};
const texts: Rule = { expected: "a list of texts", accepts: areTexts, schema: listOfTexts };

function integer(least: number, most: number): Rule {
  return {
    expected: `a whole number from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
    schema: { type: "integer", minimum: least, maximum: most },
  };
}

function milliseconds(least: number, off: string): Rule {
  return {
    expected: `a number of milliseconds from ${least} to ${longestTimer}${off}`,
    accepts: (value) => typeof value === "number" && value >= least && value <= longestTimer,
    schema: { type: "number", minimum: least, maximum: longestTimer },
  };
}

function oneOf(...words: readonly string[]): Rule {
  return {
    expected: words.map((word) => JSON.stringify(word)).join(", "),
    accepts: (value) => typeof value === "string" && words.includes(value),
    words,
    schema: { type: "string" },
  };
}

function object(keys: { readonly [key: string]: Rule }, required: readonly string[] = []): Rule {
  return { expected: "an object", accepts: isObject, keys, required, schema: { type: "object" } };
}

const limit = milliseconds(0, ", 0 for off");

const oneStatus: JsonSchema = {
  anyOf: [
    { type: "integer", minimum: 100, maximum: 599 },
    { type: "string", pattern: "^\\s*([1-5][xX]{2}|[1-5]\\d{2}(\\s?-\\s?[1-5]\\d{2})?)\\s*$" },
  ],
};

/** What a user says of failures; that providers exist and patterns can be read is checked elsewhere. */
const errorRule: Rule = object(
  {
    status: {
      expected: 'a status like 429, a range like "5xx" or "500-503", or a list of these',
      accepts: (value) =>
        Array.isArray(value)
          ? value.length > 0 && value.every((each) => statusRange(each) !== undefined)
          : statusRange(value) !== undefined,
      schema: { anyOf: [...(oneStatus.anyOf ?? []), { type: "array", items: oneStatus, minItems: 1 }] },
    },
    match: {
      expected: 'a text to be found in the answer, or a pattern like "/per day/i"',
      accepts: (value) => value instanceof RegExp || isText(value),
      schema: { type: "string", minLength: 1 },
    },
    provider: text,
    model: text,
    then: oneOf(...ownOutcomes),
    scope: oneOf("credential", "model", "provider", "request"),
    cooldown: {
      expected: 'a number of milliseconds, or a time with its unit like "60s" or "1h30m"',
      accepts: (value) => restTime(value) !== undefined,
      schema: {
        anyOf: [
          { type: "number", minimum: 0 },
          { type: "string", minLength: 1 },
        ],
      },
    },
  },
  ["then"],
);

/** `plugins`, `models` and `state` are checked elsewhere. */
export const rules: { readonly [key: string]: Rule } = {
  server: object({
    host: text,
    port: integer(0, 65_535),
    maxBody: integer(1, Number.MAX_SAFE_INTEGER),
    cors: {
      expected: "false or { origins }",
      accepts: (value) => value === false || isObject(value),
      keys: {
        origins: {
          expected: 'a list of origins, or "*"',
          accepts: (value) => value === "*" || areTexts(value),
          schema: { anyOf: [{ const: "*" }, listOfTexts] },
        },
      },
      required: ["origins"],
      schema: {},
    },
    allowedHosts: texts,
    trustProxy: {
      expected: "true, false, a number of proxies or a list of their addresses",
      accepts: (value) => typeof value === "boolean" || isCount(value) || areTexts(value),
      schema: { anyOf: [{ type: "boolean" }, { type: "integer", minimum: 0 }, listOfTexts] },
    },
    drain: milliseconds(0, ""),
    keepAlive: limit,
    tls: object({ cert: text, key: text, passphrase: text }, ["cert", "key"]),
  }),
  retry: object({
    attempts: integer(1, 1000),
    sameCredential: integer(0, 100),
    shortWait: milliseconds(0, ""),
    deadline: milliseconds(1, ""),
    queueWait: milliseconds(0, ""),
    queueSize: integer(0, 100_000),
  }),
  timeouts: object({ connect: limit, headers: limit, whole: limit, firstToken: limit, idle: limit, total: limit }),
  errors: {
    expected: 'a list of rules like { status: 429, then: "next" }',
    accepts: Array.isArray,
    items: errorRule,
    schema: { type: "array" },
  },
  base: {
    expected: "a path like /llm, or empty",
    accepts: (value) => value === "" || (typeof value === "string" && /^\/[^?#\s\\]*$/.test(value)),
    schema: { type: "string", pattern: "^(/[^?#\\s\\\\]*)?$" },
  },
  strict: flag,
  dataDir: text,
  database: {
    expected: "false or { path }",
    accepts: (value) => value === false || isObject(value),
    keys: { path: text },
    required: ["path"],
    schema: {},
  },
  log: object({ level: oneOf("silent", "error", "warn", "info", "debug"), requests: flag }),
};

export const topLevelKeys: readonly string[] = ["plugins", "models", "state", ...Object.keys(rules)];
