/** Which plugin acts at which stage, in the order in which they run. */
import type { Precedence } from "../plugin/hooks.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";

export interface Stages {
  readonly auth: readonly string[];
  readonly filter: readonly string[];
  readonly drop: readonly string[];
  /** What counts most comes first. Those of `coreOrder` are the core's own. */
  readonly order: readonly string[];
  readonly transform: readonly string[];
  readonly call: readonly string[];
  readonly fail: readonly string[];
  readonly event: readonly string[];
  readonly record: readonly string[];
  /** Plugins that only add routes, commands or something at start. */
  readonly other: readonly string[];
}

/** What the core itself orders by; everybody has it, so a start need not say it. */
export const coreOrder: readonly string[] = ["alias", "priority", "seals"];

/** Policies that act through the core, which asks them in `setup` or is told by their other hooks. */
const throughCore: { readonly [plugin: string]: "filter" | "drop" } = {
  "client-filter": "filter",
  "model-filter": "filter",
  "quota-groups": "drop",
  cooldown: "drop",
  concurrency: "drop",
};

/** Names are those of the functions in the config: `proxyKey` for the plugin `proxy-key`. */
export function stagesOf(proxy: Proxy): Stages {
  const { hooks } = internalsOf(proxy).pipeline;
  const { plugins } = proxy.config;
  const named = (list: readonly { readonly plugin: string }[]): string[] =>
    list.map(({ plugin }) => functionName(plugin));
  const inCore = (stage: "filter" | "drop"): string[] =>
    plugins.filter(({ name }) => throughCore[name] === stage).map(({ name }) => functionName(name));
  const ranked = (precedence: Precedence): string[] =>
    named(hooks.selectKey.filter((hook) => hook.precedence === precedence));

  const isOpen = hooks.auth.length === 0 && plugins.some(({ name }) => name === "proxy-key");
  const stages = {
    auth: isOpen ? ["proxyKey (no key)"] : named(hooks.auth),
    filter: unique([...inCore("filter"), ...named(hooks.filter)]),
    drop: unique([...inCore("drop"), ...ranked("drop")]),
    order: ["alias", ...ranked("tier"), "priority", ...ranked("affinity"), ...ranked("balance")],
    transform: named(hooks.transform),
    call: [
      ...named(hooks.call),
      ...proxy.config.plugins.flatMap(({ providers = [] }) => providers.map(({ name }) => name)),
    ],
    fail: named(hooks.fail),
    event: named(hooks.event),
    record: named(hooks.record),
  };
  const seen = new Set(Object.values(stages).flatMap((names) => names.map((name) => name.split(" ", 1)[0])));
  const other = plugins
    .filter(({ name, providers = [] }) => providers.length === 0 && !seen.has(functionName(name)))
    .map(({ name }) => functionName(name));
  return { ...stages, other };
}

function functionName(plugin: string): string {
  return plugin.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
