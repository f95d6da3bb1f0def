/** JSON Schema of what the table of config rules says. */
import type { JsonSchema } from "../src/config/json-schema.ts";
import type { Rule } from "../src/config/rules.ts";

/** Descriptions by path (`server.port`), and what is the default there. */
export interface Notes {
  description(path: string): string | undefined;
  standard(path: readonly string[]): unknown;
}

/** The schema of one rule and all inside it. */
export function schemaOf(rule: Rule, notes?: Notes, path: readonly string[] = []): JsonSchema {
  const description = notes?.description(path.join("."));
  const standard = notes?.standard(path);
  const { keys, items, words, required = [] } = rule;
  const inner: JsonSchema | undefined = keys && {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(keys).map(([key, each]) => [key, schemaOf(each, notes, [...path, key])]),
    ),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
  // An object that may also be switched off.
  const own = inner === undefined ? rule.schema : rule.accepts(false) ? { anyOf: [{ const: false }, inner] } : inner;
  return {
    ...(description !== undefined && { description }),
    ...(standard !== undefined && { default: standard }),
    ...own,
    ...(items && { items: schemaOf(items, notes, path) }),
    ...(words && { enum: words }),
  };
}
