/** The rules of a model filter that are edited while the proxy runs. */
import { type ConfigError, type Json, type Setting, type SettingItem, settingObject, settingTexts } from "waygate";
import type { ModelFilterRule } from "./index.ts";

export interface EditableInit {
  /** By providers' ids. */
  readonly own: ReadonlyMap<string, ModelFilterRule>;
  /** The id of a provider that is listed, or why there is none. */
  readonly named: (id: string) => string | ConfigError;
  readonly use: (rules: ReadonlyMap<string, ModelFilterRule>) => void;
}

export function editable({ own, named, use }: EditableInit): Setting {
  let added: ReadonlyMap<string, ModelFilterRule> = new Map();
  return {
    about: 'Which models may be used, by provider: {"groq": {"allow": ["llama-*"], "ignore": ["*"]}}.',
    validate(value) {
      const problems: string[] = [];
      for (const [id] of read(value, problems)) {
        const name = named(id);
        if (typeof name !== "string") {
          const [{ what, why, fix } = { what: name.message, why: "", fix: "" }] = name.problems;
          problems.push(`${what}: ${why}; ${fix}.`);
        } else if (own.has(name)) problems.push(`The config has the rule of ${name}, which cannot be edited here.`);
      }
      return problems;
    },
    apply(value) {
      const problems: string[] = [];
      const rules = new Map<string, ModelFilterRule>();
      for (const [id, rule] of value === undefined ? [] : read(value, problems)) {
        const name = named(id);
        // The rule of a provider that is not listed now holds again when it is.
        rules.set(typeof name === "string" ? name : id, rule);
      }
      if (problems.length > 0) throw new Error(problems[0]);
      use(new Map([...rules, ...own]));
      added = rules;
    },
    current: () => [
      ...[...own].map(([name, rule]) => item(name, rule, "config")),
      ...[...added].map(([name, rule]) => ({
        ...item(name, rule, "run-time"),
        ...(own.has(name) && { overruled: true as const }),
      })),
    ],
  };
}

function item(name: string, { allow = [], ignore = [] }: ModelFilterRule, origin: SettingItem["origin"]): SettingItem {
  return { field: name, value: { allow: [allow].flat(), ignore: [ignore].flat() }, origin };
}

function read(value: Json, problems: string[]): readonly (readonly [string, ModelFilterRule])[] {
  return Object.entries(settingObject(value, "The value", problems)).map(([id, rule]) => {
    const { allow, ignore } = settingObject(rule, `The rule of ${id.slice(0, 100)}`, problems, ["allow", "ignore"]);
    return [
      id,
      {
        allow: settingTexts(allow, `${id}.allow`, problems),
        ignore: settingTexts(ignore, `${id}.ignore`, problems),
      },
    ];
  });
}
