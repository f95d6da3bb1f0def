/** What the commands for accounts and keys work with: the config, its accounts, and those of plugins it does not list. */
import { rootFolder } from "./run-file.ts";
import { normalizeId } from "../candidates/keys.ts";
import { accountStore, type AccountStore } from "../accounts/store.ts";
import type { AccountContext, AccountKind } from "../accounts/types.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { ResolvedConfig } from "../config/types.ts";
import { isDataFile } from "../load/data/parse.ts";
import { functionName, pluginFunction } from "../load/data/names.ts";
import { resolveSelf, shippedPlugins } from "../load/self.ts";
import type { Plugin } from "../plugin/app.ts";
import { systemClock } from "../runtime.ts";
import { fetchThrough } from "../transport/fetch.ts";
import { undiciTransport } from "../transport/undici.ts";
import { wrongUse } from "./arguments.ts";
import { loadSource, type Source } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { plain } from "./layout.ts";
import type { Terminal } from "./terminal.ts";

export interface Desk {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly source: Source;
  readonly config: ResolvedConfig;
  /** Where `.env` and relative paths belong: beside the config. */
  readonly root: string;
  readonly store: AccountStore;
  /** Of the plugins that the config lists. */
  readonly configured: readonly AccountKind[];
  /** Those and the ones of shipped plugins that it does not list. */
  kinds(): Promise<readonly AccountKind[]>;
  /** Throws a `ConfigError` of wrong use with the nearest name; `command` is what to write before it. */
  kind(name: string, command: string): Promise<AccountKind>;
  context(kind: AccountKind, signal: AbortSignal): AccountContext;
  close(): Promise<void>;
}

/** Providers whose shipped plugins have accounts, also where nobody lists them. */
const shipped: readonly string[] = ["gemini_cli", "antigravity", "qwen_code", "iflow"];

/** Throws a `ConfigError` for a config that cannot be loaded. Calls nobody. */
export async function openDesk({ terminal, values }: Pick<Call, "terminal" | "values">): Promise<Desk> {
  const source = await loadSource({ cwd: terminal.cwd, file: textOf(values, "config") });
  const { config } = resolveConfig(source.config);
  const root = rootFolder(source.file, terminal.cwd);
  const clock = systemClock();
  const warn = (text: string): void => terminal.err.line(`${terminal.err.style.yellow("!")} ${plain(text)}`);
  const configured = config.plugins.flatMap((plugin) => plugin.accounts ?? []);
  let transport: ReturnType<typeof undiciTransport> | undefined;
  let unlisted: Promise<readonly Shipped[]> | undefined;
  const others = (): Promise<readonly Shipped[]> => (unlisted ??= shippedKinds(configured));
  const kinds = async (): Promise<readonly AccountKind[]> => [
    ...configured,
    ...(await others()).flatMap((each) => each.kinds),
  ];
  return {
    terminal,
    json: values["json"] === true,
    source,
    config,
    root,
    store: accountStore({ dataDir: config.dataDir, cwd: root, warn }),
    configured,
    kinds,
    async kind(name, command) {
      const found = (await kinds()).find(({ provider }) => normalizeId(provider) === normalizeId(name));
      if (found) return found;
      const failed = (await others()).find(({ id, error }) => error !== undefined && id === normalizeId(name));
      if (failed) throw failed.error;
      throw noAccounts(
        name,
        (await kinds()).map(({ provider }) => provider),
        command,
      );
    },
    context: (kind, signal) => ({
      signal,
      fetch: fetchThrough((transport ??= undiciTransport({ clock })), { proxy: kind.proxy }),
      now: () => clock.now(),
      clock,
      warn,
    }),
    close: async () => transport?.close(),
  };
}

/** What comes before `listingLines`. */
export function listingHead(desk: Pick<Desk, "config">, what = "it"): string {
  return findsByItself(desk) ? `fromEnv() takes ${what} at the next start:` : `the config must list ${what}:`;
}

/** What must stand in the config so that a plugin is used, as its language has it; or that nothing must. */
export function listingLines(
  desk: Pick<Desk, "source" | "config">,
  specifier: string,
  options?: { readonly name: string },
): readonly string[] {
  if (findsByItself(desk)) return ["proxy start"];
  const { source } = desk;
  const name = functionName(specifier);
  if (source.file !== undefined && isDataFile(source.file)) {
    return [`${JSON.stringify(options ? [specifier, options] : specifier)}   (in plugins)`];
  }
  const call = `${name}(${options ? `{ name: ${JSON.stringify(options.name)} }` : ""}),   // in plugins`;
  const lines = [`import { ${name} } from "${specifier}";`, call];
  return source.file === undefined ? ["proxy init   (there is no config yet), then in it:", ...lines] : lines;
}

function findsByItself({ config }: Pick<Desk, "config">): boolean {
  return config.plugins.some(({ name }) => name === "from-env");
}

/** The plugin of a provider, if it is one of ours. */
export function specifierOf(provider: string): string {
  return `waygate/plugins/${provider.replaceAll("_", "-")}`;
}

interface Shipped {
  readonly id: string;
  readonly kinds: readonly AccountKind[];
  /** Why its plugin cannot be loaded. */
  readonly error?: unknown;
}

/** Those of our plugins that the config does not list. */
async function shippedKinds(configured: readonly AccountKind[]): Promise<readonly Shipped[]> {
  const folders = await shippedPlugins();
  const others = shipped.filter((id) => {
    const isListed = configured.some(({ provider }) => normalizeId(provider) === id);
    return !isListed && folders.includes(specifierOf(id));
  });
  return Promise.all(
    others.map(async (id): Promise<Shipped> => {
      try {
        return { id, kinds: await kindsOf(id) };
      } catch (error) {
        // What nobody uses must not keep the others from being shown. Who asks for it by its name is told.
        return { id, kinds: [], error };
      }
    }),
  );
}

async function kindsOf(id: string): Promise<readonly AccountKind[]> {
  const specifier = specifierOf(id);
  const exports = (await import(resolveSelf(specifier)!)) as { readonly [name: string]: unknown };
  const make = pluginFunction(exports, specifier);
  return typeof make === "function" ? ((make() as Plugin).accounts ?? []) : [];
}

function noAccounts(name: string, known: readonly string[], command: string): ConfigError {
  const near = nearest(name, known);
  const why = known.length === 0 ? "No plugin has accounts." : `Accounts there are of ${known.join(", ")}.`;
  const fix = near === undefined ? `proxy ${command} PROVIDER` : `proxy ${command} ${near}`;
  return new ConfigError([wrongUse(`${JSON.stringify(plain(name))} has no accounts to sign in to`, why, fix)]);
}
