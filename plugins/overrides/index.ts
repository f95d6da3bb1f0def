/** Sets, presets and removes headers and fields of what is sent, by model, provider and client. */
import { type Body, definePlugin, type HeaderRecord, type Json, type Plugin, withField, withoutField } from "waygate";
import { compileRule, type FieldEdit, type HeaderEdit, type OverrideRule } from "./rules.ts";

export type { OverrideRule, Overrides } from "./rules.ts";

/**
 * All rules that fit an attempt hold, in order; of one rule `remove` comes first and `set` last. Each attempt starts from
 * the request as the client sent it, which is edited as text: what no rule names stays byte for byte. Throws a
 * `ConfigError` for what cannot be overridden.
 */
export function overrides(rules: OverrideRule | readonly OverrideRule[]): Plugin<readonly []> {
  const compiled = [rules].flat().map((rule, index) => compileRule(rule, index));
  return definePlugin({
    name: "overrides",
    hooks: {
      transform(attempt) {
        for (const rule of compiled) {
          if (!rule.fits(attempt)) continue;
          const { headers, body } = attempt.wire;
          const isOurs = body !== undefined && attempt.ctx.operation === "generate";
          attempt.wire = {
            ...attempt.wire,
            headers: withHeaders(headers, rule.headers),
            body: isOurs ? withFields(body, rule.fields) : body,
          };
        }
      },
    },
  });
}

function withHeaders(headers: HeaderRecord, edits: readonly HeaderEdit[]): HeaderRecord {
  if (edits.length === 0) return headers;
  const changed: { [name: string]: string } = { ...headers };
  for (const { how, name, value } of edits) {
    if (how === "remove") delete changed[name];
    else if (how === "set") changed[name] = value;
    else changed[name] ??= value;
  }
  return changed;
}

function withFields(body: Body, edits: readonly FieldEdit[]): Body {
  return edits.reduce((each, { how, path, value }) => {
    if (how === "remove") return withoutField(each, path);
    return how === "default" && holds(each.json, path) ? each : withField(each, path, value);
  }, body);
}

function holds(json: Json | undefined, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return json !== undefined && json !== null;
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  return Object.hasOwn(json, key) && holds((json as { readonly [key: string]: Json })[key], rest);
}
