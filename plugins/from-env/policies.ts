/** Which key, which model, how many at a time: what variables say of the providers there are. */
import { concurrency, type ConcurrencyRule } from "waygate/plugins/concurrency";
import { modelFilter, type ModelFilterRule } from "waygate/plugins/model-filter";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { rotate, type RotateRule } from "waygate/plugins/rotate";
import { temperatureZero } from "waygate/plugins/temperature-zero";
import { capsOf, clientsOf, promptsOf } from "./filters.ts";
import { peopleOf, peopleVariables, queueOf } from "./people.ts";
import type { Policy, PolicyInit } from "./policy.ts";
import { listIn, type Reader, wrong } from "./reader.ts";

const modes = ["balanced", "sequential"] as const;
type Mode = (typeof modes)[number];

export function policiesOf(init: PolicyInit): readonly Policy[] {
  return [people, clientsOf, promptsOf, capsOf, queueOf, rotation, concurrencies, filters, groups, temperature].flatMap(
    (policy) => policy(init) ?? [],
  );
}

function people(init: PolicyInit): Policy | undefined {
  if (init.hasUsers) return peopleOf(init);
  const variables = peopleVariables(init.reader);
  if (variables.length > 0) {
    init.reader.notes.push({
      variables,
      text: `${variables.join(", ")}: they are about users, whom AUTH_MODE=user_token asks for.`,
    });
  }
  return undefined;
}

/** Calls `each` for every variable of a family; those that name no provider are told. */
function family(
  stem: string,
  { reader, find }: PolicyInit,
  each: (ids: readonly string[], rest: string, name: string) => void,
): string[] {
  return reader.tails(stem).flatMap((tail) => {
    const name = stem + tail;
    const found = find(tail);
    if (!found) {
      reader.notes.push({ variables: [name], text: `${name} names no provider that is there.` });
      return [];
    }
    each(found.ids, found.rest, name);
    return [name];
  });
}

/** One rule per provider, made anew with each variable. */
function rules<Rule extends object>(): {
  readonly all: { [id: string]: Rule };
  add(ids: readonly string[], rule: Rule): void;
} {
  const all: { [id: string]: Rule } = {};
  return { all, add: (ids, rule) => void ids.forEach((id) => (all[id] = { ...all[id], ...rule } as Rule)) };
}

function rotation(init: PolicyInit): Policy | undefined {
  const { reader } = init;
  const { all, add } = rules<RotateRule>();
  const variables = family("ROTATION_MODE_", init, (ids, rest, name) => {
    if (rest !== "") return unread(reader, name);
    add(ids, { mode: reader.word(name, modes) });
  });
  const tolerance = reader.number("ROTATION_TOLERANCE");
  if (tolerance !== undefined) variables.push("ROTATION_TOLERANCE");
  if (variables.length === 0) return undefined;
  return { plugin: rotate({ ...(tolerance !== undefined && { tolerance }), providers: all }), variables };
}

/** One request per key at a time is what this dialect means when it says nothing. */
function concurrencies(init: PolicyInit): Policy | undefined {
  const { reader, own } = init;
  const { all, add } = rules<ConcurrencyRule>();
  add(own, { perCredential: 1 });
  const most = byMode("MAX_CONCURRENT_REQUESTS_PER_KEY_", init, (id, number) => add([id], { perCredential: number }));
  const optimal = byMode("OPTIMAL_CONCURRENT_REQUESTS_PER_KEY_", init, (id, number) =>
    add([id], { optimal: number > 0 ? number : Number.POSITIVE_INFINITY }),
  );
  const multipliers = family("CONCURRENCY_MULTIPLIER_", init, (ids, rest, name) => {
    const [, priority = "", mode] = /^PRIORITY_(\d+)(?:_(BALANCED|SEQUENTIAL))?$/.exec(rest) ?? [];
    if (priority === "") return unread(reader, name);
    const times = reader.number(name, 1)!;
    for (const id of ids) {
      const isForAll = mode === undefined;
      if (!isForAll && modeOf(id, init) !== mode.toLowerCase()) continue;
      const before = all[id]?.multipliers ?? {};
      // The one for a mode goes before the one for all, in whatever order they stand.
      if (isForAll && reader.text(`${name}_${modeOf(id, init).toUpperCase()}`) !== undefined) continue;
      add([id], { multipliers: { ...before, [priority]: times } });
    }
  });
  const variables = [...most, ...optimal, ...multipliers];
  return Object.keys(all).length === 0 ? undefined : { plugin: concurrency({ providers: all }), variables };
}

/** Variables that may end in the mode for which they count; those do before those without. */
function byMode(stem: string, init: PolicyInit, set: (id: string, number: number) => void): string[] {
  const { reader } = init;
  return family(stem, init, (ids, rest, name) => {
    if (!/^(?:BALANCED|SEQUENTIAL)?$/.test(rest)) return unread(reader, name);
    const number = reader.number(name, -1)!;
    for (const id of ids) {
      const mode = modeOf(id, init).toUpperCase();
      const isOverruled = rest === "" && reader.text(`${name}_${mode}`) !== undefined;
      if (!isOverruled && (rest === "" || rest === mode)) set(id, number);
    }
  });
}

function modeOf(id: string, { reader, find }: PolicyInit): Mode {
  const name = reader.tails("ROTATION_MODE_").find((tail) => find(tail)?.ids.includes(id));
  return (name === undefined ? undefined : reader.word(`ROTATION_MODE_${name}`, modes)) ?? "balanced";
}

function filters(init: PolicyInit): Policy | undefined {
  const { reader } = init;
  const { all, add } = rules<ModelFilterRule>();
  const globs = (name: string): readonly string[] => listIn(reader.text(name) ?? "");
  const variables = [
    ...family("IGNORE_MODELS_", init, (ids, rest, name) =>
      rest === "" ? add(ids, { ignore: globs(name) }) : unread(reader, name),
    ),
    ...family("WHITELIST_MODELS_", init, (ids, rest, name) =>
      rest === "" ? add(ids, { allow: globs(name) }) : unread(reader, name),
    ),
  ];
  return Object.keys(all).length === 0 ? undefined : { plugin: modelFilter(all), variables };
}

/** An empty variable takes a provider's own group away, so these are read whatever they hold. */
function groups({ reader, find, all }: PolicyInit): Policy | undefined {
  const stem = "QUOTA_GROUPS_";
  const stated: { [id: string]: { [group: string]: readonly string[] } } = {};
  const variables: string[] = [];
  for (const name of Object.keys(reader.env)
    .filter((each) => each.startsWith(stem))
    .sort()) {
    const found = find(name.slice(stem.length));
    if (!found || found.rest === "") {
      reader.notes.push({
        variables: [name],
        text: `${name} names no provider that is there, and a group of its models.`,
      });
      continue;
    }
    variables.push(name);
    const models = listIn(reader.env[name] ?? "");
    for (const id of found.ids) {
      const group = groupNamed(found.rest, id, all);
      stated[id] = { ...stated[id], [group]: models };
    }
  }
  return variables.length === 0 ? undefined : { plugin: quotaGroups(stated), variables };
}

/** A variable cannot have every name that a group has: `2_5_FLASH` is the provider's own `2.5-flash`. */
function groupNamed(text: string, id: string, all: PolicyInit["all"]): string {
  const provider = all.find(({ name }) => name === id);
  const known = (provider?.models ?? []).flatMap((model) => provider?.groupOf?.(model) ?? []);
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z\d]+/g, "-");
  return known.find((group) => plain(group) === plain(text)) ?? plain(text);
}

function temperature({ reader }: PolicyInit): Policy | undefined {
  const name = "OVERRIDE_TEMPERATURE_ZERO";
  const asked = reader.text(name)?.toLowerCase();
  if (asked === undefined || /^(?:false|0|no|off)$/.test(asked)) return undefined;
  const mode = asked === "remove" ? "remove" : /^(?:set|true|1|yes|on)$/.test(asked) ? "set" : undefined;
  if (mode === undefined) throw wrong(name, "it is remove, set or false", "write one of them, or remove the variable");
  return { plugin: temperatureZero({ mode }), variables: [name] };
}

function unread(reader: Reader, name: string): void {
  reader.notes.push({ variables: [name], text: `${name} is not understood and changes nothing.` });
}
