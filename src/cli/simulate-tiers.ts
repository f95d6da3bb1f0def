/** Which tier each provider is in, and the same config with two of them swapped. */
import { anonymousCredential } from "../candidates/keys.ts";
import { ConfigError } from "../config/problem.ts";
import type { App, Plugin } from "../plugin/app.ts";
import type { Candidate, Context } from "../plugin/context.ts";
import type { Provider } from "../plugin/provider.ts";
import { wrongUse } from "./arguments.ts";
import { plain } from "./layout.ts";

/** The plugin that has tiers. */
const NAME = "tiers";

export interface Tiers {
  /** Numbers by provider, 1 is best. */
  readonly of: ReadonlyMap<string, number>;
  /** A model asked for by its provider's name stays there. */
  readonly pin: boolean;
}

export interface TiersProbe {
  /** For the plugin's `setup`: sees whether it adds fallbacks. */
  readonly appFor: (plugin: Plugin, app: App) => App;
  /** `undefined` without the plugin. */
  tiersOf(app: App): Tiers | undefined;
}

export function probeTiers(): TiersProbe {
  let pin = true;
  return {
    appFor(plugin, app) {
      if (plugin.name !== NAME) return app;
      const addFallback: App["models"]["addFallback"] = (policy) => {
        pin = false;
        app.models.addFallback(policy);
      };
      const models = Object.create(app.models, { addFallback: { value: addFallback } }) as App["models"];
      return Object.create(app, { models: { value: models } }) as App;
    },
    tiersOf(app) {
      const hook = app.plugins.find(({ name }) => name === NAME)?.hooks?.selectKey;
      if (hook === undefined) return undefined;
      const sort = typeof hook === "function" ? hook : hook.handler.bind(hook);
      const of = new Map<string, number>();
      for (const provider of app.providers) {
        // Somebody unknown stands first and is the worst, so that the plugin says why the other one comes before.
        const candidates = [candidate({ ...provider, name: "" }), candidate(provider)];
        let tier: number | undefined;
        void sort(candidates, {} as Context, {
          drop() {},
          move: (_, reason) => (tier = Number(/^tier (\d+)/.exec(reason)?.[1])),
          detailed: true,
        });
        if (tier !== undefined && tier > 0) of.set(provider.name, tier);
      }
      return { of, pin };
    },
  };
}

function candidate(provider: Provider): Candidate {
  return { provider, model: "", credential: anonymousCredential(provider.name), position: 0 };
}

/** Throws a `ConfigError` of wrong use when one of them is no tier. */
export function checkSwap(found: Tiers | undefined, swapped: readonly [number, number]): asserts found is Tiers {
  if (found === undefined) {
    const why = "The config lists no tiers(), so no provider comes before another.";
    throw new ConfigError([wrongUse("--swap has no tiers to swap", why, "Add tiers([[…], […]]) to plugins.")]);
  }
  const known = groups(found.of);
  const unknown = swapped.find((tier) => !known.has(tier));
  if (unknown === undefined) return;
  const said = [...known].map(([tier, names]) => `${tier} (${names.map(plain).join(", ")})`).join(", ");
  const [one = 1, other = 2] = known.keys();
  throw new ConfigError([wrongUse(`There is no tier ${unknown}`, `The tiers are ${said}.`, `--swap ${one},${other}`)]);
}

/** Puts another `tiers()` in the place of the config's. */
export async function swapTiers(
  { of, pin }: Tiers,
  [one, other]: readonly [number, number],
): Promise<(plugin: Plugin) => Plugin> {
  const { tiers } = await import("waygate/plugins/tiers");
  const swapped = new Map(
    [...of].map(([name, tier]) => [name, tier === one ? other : tier === other ? one : tier] as const),
  );
  const list = [...groups(swapped).values()];
  return (plugin) => (plugin.name === NAME ? tiers(list, { pin }) : plugin);
}

/** Providers by tier, best first. */
function groups(of: ReadonlyMap<string, number>): Map<number, string[]> {
  const found = [...Map.groupBy(of, ([, tier]) => tier)].sort(([a], [b]) => a - b);
  return new Map(found.map(([tier, entries]) => [tier, entries.map(([name]) => name)]));
}
