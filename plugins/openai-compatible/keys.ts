/** The keys of one provider: those its options state, else those of the environment and of the files it names. */
import {
  anonymousCredential,
  type ApiKey,
  apiKeyCredential,
  type App,
  ConfigError,
  type Credential,
  defineCredential,
  keyFile,
  type KeyFileWatch,
  type KeyInput,
  type KeySource,
  keySource,
  type Plugin,
  splitKeys,
  watchKeyFiles,
} from "waygate";
import type { OpenAICompatibleOptions } from "./options.ts";

interface Keys {
  readonly stated: readonly KeyInput[];
  readonly files: KeySource["files"];
}

/**
 * Registers the credentials of a provider and keeps them as the files of keys are. Throws a `ConfigError` for a key that
 * cannot be one, unless it stands in a file: a file may be corrected while the proxy runs.
 */
export function keyHolder(options: OpenAICompatibleOptions): Required<Pick<Plugin, "setup" | "close">> {
  const { name, limits, keyless } = options;
  const { stated, files } = keysOf(options);
  const credentialOf = (key: KeyInput): Credential<ApiKey> => {
    const credential = apiKeyCredential(name, key);
    return limits === undefined || credential.limits !== undefined
      ? credential
      : defineCredential({ ...credential, limits }, credential.data);
  };
  const own = stated.map(credentialOf);
  const all = (inFiles: readonly string[]): readonly Credential[] => {
    const found = [...own, ...inFiles.map(credentialOf)];
    return found.length === 0 && keyless ? [anonymousCredential(name)] : found;
  };

  // The same plugin may be part of several proxies.
  const watches = new WeakMap<App, KeyFileWatch>();
  return {
    setup(app) {
      const known = new Set<string>();
      const apply = (inFiles: readonly string[]): void => {
        const credentials = all(inFiles);
        const ids = new Set(credentials.map(({ id }) => id));
        for (const credential of credentials) if (!known.has(credential.id)) app.credentials.add(credential);
        for (const id of known) if (!ids.has(id)) app.credentials.remove(id);
        known.clear();
        for (const id of ids) known.add(id);
      };
      const watch = files.length === 0 ? undefined : watchKeyFiles(files, app, apply);
      if (watch) watches.set(app, watch);
      apply(watch?.keys() ?? []);
    },
    close(app) {
      watches.get(app)?.close();
    },
  };
}

function keysOf({ name, keys, keyVariables = [] }: OpenAICompatibleOptions): Keys {
  if (keys === undefined) {
    const sources = [keySource(name, process.env), ...keyVariables.map(sourceOf)];
    const found = sources.find((source) => source.keys.length > 0 || source.files.length > 0);
    return { stated: found?.keys ?? [], files: found?.files ?? [] };
  }
  const list: readonly unknown[] = typeof keys === "string" ? splitKeys(keys) : keys;
  return { stated: list.flatMap((key) => keyIn(key, name)), files: [] };
}

/** All forms of a variable that ends in `_API_KEY`; of one with another ending itself and the one that names a file. */
function sourceOf(variable: string): KeySource {
  if (variable.endsWith("_API_KEY")) return keySource(variable.slice(0, -"_API_KEY".length), process.env);
  const key = process.env[variable]?.trim();
  return { keys: key ? [key] : [], files: keyFile(`${variable}_FILE`, process.env) };
}

/** A variable that is not set leaves `undefined` in a list of keys: no key, like an empty one. */
function keyIn(key: unknown, provider: string): readonly KeyInput[] {
  if (key === undefined || key === null) return [];
  if (typeof key === "string") return key.trim() === "" ? [] : [key];
  const value: unknown = typeof key === "object" && "value" in key ? key.value : undefined;
  if (typeof value === "string") return value.trim() === "" ? [] : [key as KeyInput];
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", provider, "keys"],
      what: `A key of ${provider} is no text`,
      why: `it is ${typeof key === "object" ? "an object without the text value" : `a ${typeof key}`}`,
      fix: 'write "sk-…" or { value: "sk-…" }',
    },
  ]);
}
