/** What each value of a config must be. One table; the checks that need more than one value are in their own files. */
import type { JsonSchema } from "./json-schema.ts";

/** `accepts` decides, `expected` completes "must be …". */
export interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
  /** Keys inside, when the value is an object with a fixed set of them. */
  readonly keys?: { readonly [key: string]: Rule };
  /** Those of `keys` that must be there. */
  readonly required?: readonly string[];
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

/** `plugins` and `models` are checked elsewhere. */
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
    tls: object({ cert: text, key: text, passphrase: text }, ["cert", "key"]),
  }),
  retry: object({
    attempts: integer(1, 1000),
    sameCredential: integer(0, 100),
    shortWait: milliseconds(0, ""),
    deadline: milliseconds(1, ""),
    queueWait: milliseconds(0, ""),
  }),
  timeouts: object({ connect: limit, headers: limit, whole: limit, firstToken: limit, idle: limit, total: limit }),
  base: {
    expected: "a path like /llm, or empty",
    accepts: (value) => value === "" || (typeof value === "string" && /^\/[^?#\s\\]*$/.test(value)),
    schema: { type: "string", pattern: "^(/[^?#\\s\\\\]*)?$" },
  },
  strict: flag,
  dataDir: text,
  log: object({ level: oneOf("silent", "error", "warn", "info", "debug"), requests: flag }),
};

/** Named by the documentation for versions to come. */
export const laterKeys: readonly string[] = ["state", "database", "errors"];

export const topLevelKeys: readonly string[] = ["plugins", "models", ...Object.keys(rules)];
