/** Which caps hold for which target and client. */
import { ConfigError, type Context, matchesGlob, type Target } from "waygate";

export interface RequestCapRule {
  /** Globs over models, as clients ask for them, and with and without their provider. Default: all. */
  readonly models?: string | readonly string[];
  /** Globs over clients' ids and labels. Default: all. */
  readonly users?: string | readonly string[];
  /** Tokens of a prompt at most; 0 = no limit. */
  readonly input?: number;
  /** Tokens of an answer at most; 0 = no limit. */
  readonly output?: number;
  /** What becomes of a request that asks for more: `clamp` (default) lets it ask for what it may, `refuse` is a 400. */
  readonly over?: "clamp" | "refuse";
  /** Whether requests may bring tools. Default true. */
  readonly tools?: boolean;
  /** Whether prompts may have pictures and other media in them. Default true. */
  readonly vision?: boolean;
}

export type Caps = Pick<RequestCapRule, "input" | "output" | "over" | "tools" | "vision">;
export type CapsOf = (targets: readonly Target[], ctx: Context) => readonly (Caps | undefined)[];

const fields = ["input", "output", "over", "tools", "vision"] as const;

/** Of each property the first rule that fits and states it counts. Throws a `ConfigError`. */
export function compileCaps(rules: readonly RequestCapRule[]): CapsOf {
  const compiled = rules.map((rule, index) => {
    check(rule, index);
    return {
      rule,
      model: rule.models === undefined ? undefined : matchesGlob(rule.models),
      user: rule.users === undefined ? undefined : matchesGlob(rule.users),
    };
  });
  /** By the targets of a name, which stay the same object: the rules that fit each of them, for whatever client. */
  const known = new WeakMap<readonly Target[], readonly (readonly number[])[]>();
  const fitting = (targets: readonly Target[], asked: string): readonly (readonly number[])[] => {
    let found = known.get(targets);
    if (found === undefined) {
      found = targets.map(({ provider, model }) =>
        compiled.flatMap(({ model: fits }, index) => {
          const names = [asked, model, `${provider.name}/${model}`];
          return fits === undefined || names.some(fits) ? [index] : [];
        }),
      );
      known.set(targets, found);
    }
    return found;
  };
  return (targets, { model, principal }) => {
    const users = compiled.map(
      ({ user }) => user === undefined || (principal !== undefined && [principal.id, principal.label ?? ""].some(user)),
    );
    return fitting(targets, model).map((indices) => {
      const mine = indices.filter((index) => users[index]).map((index) => compiled[index]!.rule);
      return mine.length === 0 ? undefined : merged(mine);
    });
  };
}

function merged(rules: readonly RequestCapRule[]): Caps {
  return Object.assign({}, ...rules.toReversed().map((rule) => stated(rule))) as Caps;
}

function stated(rule: RequestCapRule): Caps {
  return Object.fromEntries(fields.filter((field) => rule[field] !== undefined).map((field) => [field, rule[field]]));
}

function check(rule: RequestCapRule, index: number): void {
  const bad = (field: keyof Caps, why: string, fix: string): ConfigError =>
    new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "requestCaps", index, field],
        what: `requestCaps: ${field} cannot be ${JSON.stringify(rule[field])}`,
        ...{ why, fix, value: rule[field] },
      },
    ]);
  for (const field of ["input", "output"] as const) {
    const value = rule[field];
    if (value === undefined || (Number.isInteger(value) && value >= 0)) continue;
    throw bad(field, "it is a whole number of tokens, and 0 for no limit", "correct it, or take it out");
  }
  if (rule.over !== undefined && rule.over !== "clamp" && rule.over !== "refuse") {
    throw bad("over", "it is clamp or refuse", 'write "clamp"');
  }
}
