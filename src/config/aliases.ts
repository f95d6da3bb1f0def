/** Public names and the targets they stand for, with at most one `*` on each side. Pure. */

export interface AliasTable {
  /**
   * The targets of a name in order, each once, or `undefined` when it is no alias. An exact alias wins over a pattern,
   * among patterns the one with the longest literal text, then the first. Targets that name another alias are replaced
   * by its targets. What `*` stood for is filled in; a `provider/*` that is left means all that the provider lists.
   */
  match(name: string): readonly string[] | undefined;
  /** The aliases without a pattern, in config order. */
  names(): readonly string[];
}

interface Pattern {
  readonly before: string;
  readonly after: string;
  readonly targets: readonly string[];
}

/** `-` and `_` are the same in a provider's id. */
export function providerKey(name: string): string {
  return name.replaceAll("-", "_");
}

/** The part of a target before the first slash, or `undefined` without a slash. */
export function providerOf(target: string): string | undefined {
  const slash = target.indexOf("/");
  return slash === -1 ? undefined : target.slice(0, slash);
}

/**
 * Prepares lookup. `providers` are the configured ids: a target whose first segment is one of them is final, even if an
 * alias has the same name. Expects a validated config, but a loop of aliases ends here too.
 */
export function compileAliases(
  models: { readonly [alias: string]: string | readonly string[] },
  providers: Iterable<string> = [],
): AliasTable {
  const known = new Set([...providers].map(providerKey));
  const exact = new Map<string, readonly string[]>();
  const patterns: Pattern[] = [];
  for (const [alias, value] of Object.entries(models)) {
    const targets = typeof value === "string" ? [value] : value;
    const star = alias.indexOf("*");
    if (star === -1) exact.set(alias, targets);
    else patterns.push({ before: alias.slice(0, star), after: alias.slice(star + 1), targets });
  }
  patterns.sort((a, b) => literal(b) - literal(a));

  function expand(targets: readonly string[], visited: ReadonlySet<string>): string[] {
    return targets.flatMap((target) => {
      const provider = providerOf(target);
      const chained = provider !== undefined && known.has(providerKey(provider)) ? undefined : exact.get(target);
      if (chained === undefined) return [target];
      return visited.has(target) ? [] : expand(chained, new Set([...visited, target]));
    });
  }

  const expanded = new Map(
    [...exact].map(([name, targets]) => [name, unique(expand(targets, new Set([name])))] as const),
  );

  const names = [...exact.keys()];
  return {
    names: () => names,
    match(name) {
      const found = expanded.get(name);
      if (found !== undefined) return found;
      for (const pattern of patterns) {
        const text = textOfStar(pattern, name);
        if (text === undefined) continue;
        // A function, because `$` has a meaning in a replacement string.
        const filled = pattern.targets.map((target) => target.replace("*", () => text));
        return unique(expand(filled, new Set()));
      }
      return undefined;
    },
  };
}

/** What `*` stands for: never nothing, and never a `*`, which a target would read as "all". */
function textOfStar({ before, after }: Pattern, name: string): string | undefined {
  if (name.length <= before.length + after.length) return undefined;
  if (!name.startsWith(before) || !name.endsWith(after)) return undefined;
  const text = name.slice(before.length, name.length - after.length);
  return text.includes("*") ? undefined : text;
}

function literal(pattern: Pattern): number {
  return pattern.before.length + pattern.after.length;
}

function unique(targets: readonly string[]): readonly string[] {
  return [...new Set(targets)];
}
