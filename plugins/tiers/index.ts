/** Better providers first, and the same model of an equal or worse one as a fallback. */
import {
  type Candidate,
  ConfigError,
  definePlugin,
  matchesGlob,
  type Models,
  type Plugin,
  type Provider,
  providerNamed,
  type Target,
} from "waygate";

export interface TiersOptions {
  /** A model asked for by its provider's name stays with that provider. Default false. */
  readonly pin?: boolean;
  /**
   * Milliseconds that a request waits for a key of the best tier it may use, when all of them are busy, at a limit or at
   * rest and one could be back in time, before a worse tier is asked. Default 0: the worse one at once.
   */
  readonly wait?: number;
  /** What the tiers are called in explanations, best first. */
  readonly names?: readonly string[];
}

const isFree = matchesGlob(["antigravity", "gemini?cli", "qwen?code", "iflow"]);
const isShared = matchesGlob(["g4f?*", "cerebras"]);
const isMetered = matchesGlob("puter");

/** The tier of a provider that says nothing about it. */
function usualTier(name: string): number {
  if (isFree(name)) return 1;
  if (isShared(name)) return 2;
  return isMetered(name) ? 5 : 3;
}

/**
 * `list` names providers, best tier first; those it leaves out come after it, by their own tier. Without a list every
 * provider has its own tier, or the usual one. Throws a `ConfigError` for a wait that is none, and a start one for a name
 * that is no provider.
 */
export function tiers(
  list: readonly (string | readonly string[])[] = [],
  options: TiersOptions = {},
): Plugin<readonly []> {
  const { wait = 0 } = options;
  if (!(Number.isFinite(wait) && wait >= 0)) throw new ConfigError([wrongWait(wait)]);
  const ranks = new Map<string, number>();
  const rank = (provider: Provider): number => ranks.get(provider.name) ?? Number.POSITIVE_INFINITY;

  return definePlugin({
    name: "tiers",
    hooks: {
      selectKey: {
        precedence: "tier",
        favour: wait > 0 ? (targets) => ({ targets: bestOf(targets, rank), wait }) : undefined,
        handler(candidates, _ctx, selection) {
          if (isSorted(candidates, rank)) return candidates;
          const sorted = candidates.toSorted((a, b) => rank(a.provider) - rank(b.provider));
          const head = sorted[0];
          if (head !== undefined && head !== candidates[0])
            selection.move(head, reasonOf(rank(head.provider), options.names));
          return sorted;
        },
      },
    },
    setup(app) {
      for (const provider of app.providers)
        ranks.set(provider.name, list.length + (provider.tier ?? usualTier(provider.name)));
      list.forEach((tier, index) => {
        const names = typeof tier === "string" ? [tier] : tier;
        names.forEach((name, place) => {
          const path = typeof tier === "string" ? ["tiers", index] : ["tiers", index, place];
          ranks.set(providerNamed(name, app.providers, path).name, index + 1);
        });
      });
      if (options.pin) return;
      app.models.addFallback((targets, requested) =>
        app.models.isAlias(requested) ? [] : sameModelElsewhere(targets, app.providers, app.models, rank),
      );
    },
  });
}

/** Those that come before the first of a worse tier; none when there is no such. */
function bestOf(targets: readonly Target[], rank: (provider: Provider) => number): readonly Target[] {
  const sorted = targets.toSorted((a, b) => a.position - b.position || rank(a.provider) - rank(b.provider));
  const worse = sorted.findIndex((target) => rank(target.provider) > rank(sorted[0]!.provider));
  return sorted.slice(0, Math.max(0, worse));
}

function isSorted(candidates: readonly Candidate[], rank: (provider: Provider) => number): boolean {
  for (let index = 1; index < candidates.length; index++) {
    const before = candidates[index - 1]!.provider;
    const here = candidates[index]!.provider;
    if (before !== here && rank(before) > rank(here)) return false;
  }
  return true;
}

function reasonOf(rank: number, names: readonly string[] = []): string {
  const name = names[rank - 1];
  return name === undefined ? `tier ${rank}` : `tier ${rank}, ${name}`;
}

/** Providers of the same or a worse tier that list the model, better ones first. */
function sameModelElsewhere(
  targets: readonly Target[],
  providers: readonly Provider[],
  models: Models,
  rank: (provider: Provider) => number,
): readonly Target[] {
  const best = Math.min(...targets.map((target) => rank(target.provider)));
  const asked = new Set(targets.map((target) => bareName(target.model)));
  const last = Math.max(...targets.map((target) => target.position));
  return providers
    .filter((provider) => rank(provider) >= best && targets.every((target) => target.provider !== provider))
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap((provider) => {
      const model = models.listed(provider.name).find((listed) => asked.has(bareName(listed)));
      return model === undefined ? [] : [{ provider, model, position: last + 1, fallback: true }];
    });
}

/** `openai/GPT-4o` and `gpt-4o` are one model. */
function bareName(model: string): string {
  return model.slice(model.lastIndexOf("/") + 1).toLowerCase();
}

function wrongWait(wait: number): ConstructorParameters<typeof ConfigError>[0][number] {
  return {
    code: "config_invalid",
    path: ["plugins", "tiers", "wait"],
    what: `tiers: wait is ${String(wait)}`,
    why: "it must be a number of milliseconds, at least 0",
    fix: "write a number, or leave it out",
    needle: "wait",
  };
}
