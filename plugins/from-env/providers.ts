/** The providers that the environment describes: with keys, with an address of one's own, with accounts. */
import { ConfigError, environmentPrefix, type ExpandHost, keyFile, keySource, normalizeId, type Plugin } from "waygate";
import { g4f } from "waygate/plugins/g4f";
import { openaiCompatible, type ProviderOptions } from "waygate/plugins/openai-compatible";
import { accountOptions } from "./account-options.ts";
import { accountPlace, type AccountProvider, accountProviders } from "./accounts.ts";
import { modelsOf, withTable } from "./models.ts";
import { listIn, type Reader, wrong } from "./reader.ts";
import { type ShippedProvider, shippedProviders } from "./shipped.ts";

/** A plugin that is made, and what is known of its credentials. */
export interface Found {
  readonly ids: readonly string[];
  readonly plugin: Plugin;
  /** There is something whose use counts: a key or an account. */
  readonly hasKeys: boolean;
}

/** Those that the config lists by itself are left out. Throws a `ConfigError` for a variable that cannot be used. */
export function findProviders(reader: Reader, host: ExpandHost): readonly Found[] {
  const listed = new Set(host.listed.flatMap(({ providers = [] }) => providers.map(({ name }) => normalizeId(name))));
  const isFree = (id: string): boolean => !listed.has(id);
  return [
    ...accountProviders.filter(({ id }) => isFree(id)).flatMap((each) => withAccounts(each, reader, host)),
    ...withoutAccounts(reader, isFree),
    ...shippedProviders.filter(({ id }) => isFree(id)).flatMap((each) => shipped(each, reader)),
    ...ownNames(reader)
      .filter(isFree)
      .map((id) => ofOwn(id, reader)),
  ];
}

/** The ids of providers that only an address in the environment makes. */
export function ownNames(reader: Reader): readonly string[] {
  return Object.keys(reader.env)
    .flatMap((name) => (reader.text(name) === undefined ? [] : (/^([A-Z][A-Z\d_]*)_API_BASE$/.exec(name)?.[1] ?? [])))
    .map((prefix) => prefix.toLowerCase())
    .filter((id) => !isKnown(id))
    .sort();
}

/** Whether a plugin that ships has the provider. */
export function isKnown(id: string): boolean {
  return (
    /^g4f(?:_(?:main|groq|grok|gemini|nvidia))?$/.test(id) ||
    [...shippedProviders, ...accountProviders].some((each) => each.id === id)
  );
}

/** `PROVIDER_PRIORITY_<ID>`. */
function tierOf(id: string, reader: Reader): number | undefined {
  const name = `PROVIDER_PRIORITY_${environmentPrefix(id)}`;
  const tier = reader.number(name, 1);
  if (tier === undefined || (Number.isInteger(tier) && tier <= 10)) return tier;
  throw wrong(name, "a tier is a whole number from 1 (best) to 10", "write one, or remove the variable");
}

function hasKeys(id: string, { env, text }: Reader, others: readonly string[] = []): boolean {
  const isThere = ({ keys, files }: ReturnType<typeof keySource>): boolean => keys.length > 0 || files.length > 0;
  return (
    isThere(keySource(id, env)) ||
    others.some((name) =>
      name.endsWith("_API_KEY")
        ? isThere(keySource(name.slice(0, -"_API_KEY".length), env))
        : text(name) !== undefined || keyFile(`${name}_FILE`, env).length > 0,
    )
  );
}

function common(id: string, reader: Reader): ProviderOptions {
  const tier = tierOf(id, reader);
  const table = modelsOf(id, reader);
  return { ...(tier !== undefined && { tier }), ...(table && { models: table.names, discover: true }) };
}

function shipped({ id, make, others, foreign, byAddress }: ShippedProvider, reader: Reader): readonly Found[] {
  const own = hasKeys(id, reader, others);
  const foreignKeys = own || foreign === undefined ? [] : listIn(reader.text(foreign) ?? "");
  const isAddressed = byAddress === true && reader.text(`${environmentPrefix(id)}_API_BASE`) !== undefined;
  if (!own && foreignKeys.length === 0 && !isAddressed) return [];
  const options: ProviderOptions = {
    ...common(id, reader),
    ...(foreignKeys.length > 0 && { keys: foreignKeys }),
    ...(isAddressed && { keyless: true }),
  };
  return [found(id, make(options), reader, own || foreignKeys.length > 0)];
}

/** Any server that speaks OpenAI's chat: its address is there, and where it has no key it asks for none. */
function ofOwn(id: string, reader: Reader): Found {
  const own = hasKeys(id, reader);
  return found(
    id,
    openaiCompatible({ ...common(id, reader), name: id, keyless: !own, completions: false }),
    reader,
    own,
  );
}

function found(id: string, plugin: Plugin, reader: Reader, own: boolean): Found {
  const table = modelsOf(id, reader);
  return { ids: [id], plugin: table ? withTable(plugin, table) : plugin, hasKeys: own };
}

const endpoints = ["main", "groq", "grok", "gemini", "nvidia"];

/** It needs no key, so that its variable is there is enough, even empty: that is how its users have asked for it. */
function withoutAccounts(reader: Reader, isFree: (id: string) => boolean): readonly Found[] {
  const ids = endpoints.map((name) => `g4f_${name}`);
  const isAsked = Object.keys(reader.env).some((name) => /^G4F(?:_[A-Z]+)?_API_KEYS?(?:_\d+)?(?:_FILE)?$/.test(name));
  const isAddressed = ids.some((id) => reader.text(`${environmentPrefix(id)}_API_BASE`) !== undefined);
  if (!isAsked && !isAddressed) return [];
  if (!ids.every(isFree)) return [];
  return [{ ids, plugin: g4f(), hasKeys: hasKeys("g4f", reader) }];
}

function withAccounts(provider: AccountProvider, reader: Reader, host: ExpandHost): readonly Found[] {
  const { id, prefix, takesKeys } = provider;
  const place = accountPlace(provider, reader, host);
  const keyed = takesKeys && hasKeys(id, reader);
  if (place === undefined && !keyed) return [];
  const table = modelsOf(id, reader);
  const options = {
    tier: tierOf(id, reader),
    ...(table && { models: table.names }),
    ...accountOptions(prefix, reader),
  };
  const stated = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  try {
    return [{ ids: [id], plugin: provider.make(stated), hasKeys: true }];
  } catch (error) {
    if (ConfigError.is(error)) throw error;
    const text = `${place ?? `${prefix}_API_KEY`} is for ${id}, whose plugin cannot be loaded (${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}). It is left out.`;
    reader.notes.push({ variables: [], text });
    return [];
  }
}
