/** Refuses prompts by phrases and regular expressions. */
import {
  type App,
  ConfigError,
  definePlugin,
  type Json,
  type Plugin,
  ProxyError,
  type Setting,
  settingObject,
  settingTexts,
} from "waygate";
import { compileRules, faultOf, type Match, type Rule } from "./patterns.ts";
import { createPenalty, type Penalty, type PenaltyOptions } from "./penalty.ts";
import { promptOf } from "./text.ts";

export type { PenaltyOptions } from "./penalty.ts";

export interface PromptFilterOptions {
  /** Texts that may not occur, whatever their case. */
  readonly phrases?: readonly string[];
  /**
   * Regular expressions in RE2's syntax (no look-around, no back-references), whatever the case; a `RegExp` has its own
   * flags. They take a time that grows with the prompt only, whatever they are and whatever the prompt is.
   */
  readonly patterns?: readonly (string | RegExp)[];
  /** What the client is told. */
  readonly message?: string;
  /**
   * Refusals are late, each for the same user or address twice as late as the one before: 1, 2, 4 … 60 s, and half of
   * them are forgotten every 30 s. `false`: at once.
   */
  readonly delay?: false | PenaltyOptions;
}

interface Active {
  match: Match | undefined;
  readonly penalty: Penalty | undefined;
}

/** Patterns one setting may add. */
const MOST = 200;

/**
 * A refused request is answered 400 `prompt_rejected` and counts against no limit. More phrases and patterns may be added
 * at run time, as the setting `prompt-filter`. A start throws a `ConfigError` for a pattern that is none.
 */
export function promptFilter(options: PromptFilterOptions = {}): Plugin<readonly []> {
  const { message = "This prompt is not allowed here.", delay = {} } = options;
  const own = rulesOf(options);
  const active = new WeakMap<App, Active>();
  return definePlugin({
    name: "prompt-filter",
    // Listed without rules it is there for those of run time.
    usesDatabase: own.length === 0,
    hooks: {
      filter: {
        // Before what answers by itself, as a cache does: what is refused now may have been answered before.
        order: "pre",
        when: ({ app }) => active.get(app)?.match !== undefined,
        handler(ctx) {
          const { match, penalty } = active.get(ctx.app)!;
          const rule = match?.(promptOf(ctx));
          if (rule === undefined) return undefined;
          ctx.log.debug(`Request ${ctx.id}: the ${rule.kind} ${String(rule.source)} is in the prompt.`);
          const refuse = (): never => {
            throw new ProxyError({
              kind: "invalid_request",
              scope: "request",
              status: 400,
              code: "prompt_rejected",
              message,
            });
          };
          return penalty ? penalty(ctx).then(refuse) : refuse();
        },
      },
    },
    setup(app) {
      for (const [index, source] of (options.patterns ?? []).entries()) checkPattern(source, index);
      const state: Active = {
        match: own.length === 0 ? undefined : compileRules(own),
        penalty: delay === false ? undefined : createPenalty(delay),
      };
      active.set(app, state);
      app.overlay?.define("prompt-filter", setting(own, state));
    },
  });
}

function setting(own: readonly Rule[], state: Active): Setting {
  let added: readonly Rule[] = [];
  return {
    about: 'Texts and regular expressions that no prompt may have: {"phrases": ["…"], "patterns": ["…"]}.',
    validate(value) {
      const problems: string[] = [];
      for (const { kind, source } of readRules(value, problems)) {
        const fault = kind === "pattern" ? faultOf(source) : undefined;
        if (fault !== undefined) problems.push(`The pattern ${String(source)} cannot be used: ${fault}.`);
      }
      return problems;
    },
    apply(value) {
      const problems: string[] = [];
      const more = value === undefined ? [] : readRules(value, problems);
      if (problems.length > 0) throw new Error(problems[0]);
      const all = [...own, ...more];
      state.match = all.length === 0 ? undefined : compileRules(all);
      added = more;
    },
    current: () => [
      ...own.map(({ kind, source }) => ({ field: `${kind}s`, value: String(source), origin: "config" as const })),
      ...added.map(({ kind, source }) => ({ field: `${kind}s`, value: String(source), origin: "run-time" as const })),
    ],
  };
}

function readRules(value: Json, problems: string[]): Rule[] {
  const { phrases, patterns } = settingObject(value, "The value", problems, ["phrases", "patterns"]);
  return rulesOf({
    phrases: settingTexts(phrases, "phrases", problems),
    patterns: settingTexts(patterns, "patterns", problems, MOST),
  });
}

/** Empty phrases would be in every prompt. */
function rulesOf({ phrases = [], patterns = [] }: PromptFilterOptions): Rule[] {
  return [
    ...phrases.filter((phrase) => phrase !== "").map((source): Rule => ({ kind: "phrase", source })),
    ...patterns.filter((pattern) => pattern !== "").map((source): Rule => ({ kind: "pattern", source })),
  ];
}

function checkPattern(source: string | RegExp, index: number): void {
  const fault = faultOf(source);
  if (fault === undefined) return;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "promptFilter", "patterns", index],
      what: `promptFilter: the pattern ${String(source)} cannot be used`,
      why: fault,
      fix: "write it in RE2's syntax, which has no look-around and no back-references",
      value: String(source),
    },
  ]);
}
