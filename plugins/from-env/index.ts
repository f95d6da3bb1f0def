/** What the environment describes, in the variables of the proxies that this one follows. */
import { definePlugin, envFileNames, type ExpandHost, normalizeId, type Plugin } from "waygate";
import { tiers } from "waygate/plugins/tiers";
import { accessOf } from "./access.ts";
import { keyNotes, strayNotes } from "./left-over.ts";
import { type FindProvider, providerFinder } from "./names.ts";
import { policiesOf } from "./policies.ts";
import type { Policy } from "./policy.ts";
import { findProviders } from "./providers.ts";
import { createReader, type Reader } from "./reader.ts";
import { settingsOf } from "./settings.ts";

/**
 * Providers whose keys, addresses or accounts are in the environment (or accounts in files), and how their keys are used:
 * one request per key at a time, tiers with fallback, and whatever else the variables say. What the config lists by itself
 * goes before: a provider of the same name, a plugin of the same kind, `retry` and `timeouts`. The docs have a table of
 * every variable. A start throws a `ConfigError` for a variable that cannot be used.
 */
export function fromEnv(): Plugin {
  return definePlugin({
    name: "from-env",
    expand: (host) => described(createReader(process.env), host),
  });
}

function described(reader: Reader, host: ExpandHost): readonly Plugin[] {
  const fileNames = envFileNames();
  const found = findProviders(reader, host);
  const listed = host.listed.flatMap(({ providers = [] }) => providers);
  const made = found.flatMap(({ plugin }) => plugin.providers ?? []);
  const all = [...made, ...listed];
  const find = providerFinder(all.map(({ name }) => normalizeId(name)));
  const own = found.flatMap(({ ids, hasKeys }) => (hasKeys ? ids : []));
  const priorities = prioritiesOf(
    reader,
    find,
    found.flatMap(({ ids }) => ids),
  );
  const access = accessOf(reader, host.listed);
  const policies: readonly Policy[] = [
    ...(access.plugin ? [{ plugin: access.plugin, variables: access.variables }] : []),
    // With one provider there is nothing to order, and nowhere to fall.
    ...(all.length > 1 && found.length > 0 ? [{ plugin: tiers(), variables: priorities }] : []),
    ...policiesOf({ reader, find, own, hasUsers: access.needsUsers, all }),
  ];
  const stated = new Set(host.listed.flatMap(({ name, yields }) => (yields ? [] : [name])));
  for (const { plugin, variables } of policies) {
    if (variables.length === 0 || !stated.has(plugin.name) || plugin.name === "tiers") continue;
    reader.notes.push({
      variables,
      text: `${variables.join(", ")}: the config lists its own ${plugin.name}, which counts instead.`,
    });
  }
  const notes = [...reader.notes, ...keyNotes(reader, fileNames), ...strayNotes(fileNames)];
  return [
    definePlugin({
      name: "from-env",
      settings: settingsOf(reader),
      setup({ log }) {
        for (const { text } of notes) log.withTag("from-env").warn(text);
      },
    }),
    ...found.map(({ plugin }) => plugin),
    ...policies.flatMap(({ plugin }) => (stated.has(plugin.name) ? [] : [plugin])),
  ];
}

/** Tiers are a part of the providers, which are made already; here it is told which variables have met none. */
function prioritiesOf(reader: Reader, find: FindProvider, made: readonly string[]): readonly string[] {
  return reader.tails("PROVIDER_PRIORITY_").map((tail) => {
    const name = `PROVIDER_PRIORITY_${tail}`;
    const { ids = [], rest = "" } = find(tail) ?? {};
    if (ids.length === 0 || rest !== "") {
      reader.notes.push({ variables: [name], text: `${name} names no provider that is there.` });
    } else if (!ids.some((id) => made.includes(id))) {
      reader.notes.push({
        variables: [name],
        text: `${name}: the config lists ${ids.join(", ")}, whose option tier counts.`,
      });
    }
    return name;
  });
}
