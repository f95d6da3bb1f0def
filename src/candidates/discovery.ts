/** Asks providers for their models in the background. Never delays a start and never hides what is configured. */
import { ProxyError } from "../failure/error.ts";
import { maskSecrets } from "../failure/mask.ts";
import type { App } from "../plugin/app.ts";
import type { Credential, Provider } from "../plugin/provider.ts";

/** Milliseconds one provider may take to list its models, all its keys together. */
const LIMIT = 5000;
/** Keys that are tried when the upstream refuses those before. */
const KEYS = 3;

/** Where a provider's list of models comes from. */
export interface Listing {
  readonly provider: string;
  /** `stated`: nobody is asked; `asking`; `listed`: the upstream's own; `failed`: what was stated stays. */
  readonly state: "stated" | "asking" | "listed" | "failed";
  /** Of a failure, without secrets and without a full stop. */
  readonly why?: string;
}

export interface Discovery {
  /**
   * Asks every provider that can be asked and has a key, and later one that gets its first key, or another after a
   * failure. Results go to `app.models`, failures to the log too.
   */
  start(signal: AbortSignal): void;
  /** Resolves when all have answered or their time is over. Never rejects. */
  finished(): Promise<void>;
  /** One per provider, in config order. */
  listings(): readonly Listing[];
}

/** `onAdded` tells of new keys by their provider, and returns the end of that. */
export function createDiscovery(app: App, onAdded: (listener: (provider: string) => void) => () => void): Discovery {
  const results = new Map<string, Omit<Listing, "provider">>();
  let running: Promise<unknown> = Promise.resolve();

  const discover = async (provider: Provider, keys: readonly Credential[], signal: AbortSignal): Promise<void> => {
    results.set(provider.name, { state: "asking" });
    try {
      const models = await limited(app, signal, (own) => ask(provider, keys, own));
      // An upstream that lists nothing says nothing against what is known.
      if (models.length > 0) app.models.setListed(provider.name, models);
      results.set(provider.name, { state: "listed" });
    } catch (error) {
      const why = maskSecrets(error instanceof Error ? error.message : String(error)).replace(/\.+$/, "");
      results.set(provider.name, { state: "failed", why });
      if (signal.aborted) return;
      const known = provider.models.length;
      const kept = known === 0 ? "None is listed" : known === 1 ? "The one known is listed" : `The ${known} known are`;
      app.log.warn(`${provider.name} could not list its models: ${why}. ${kept}; any other can be asked for by name.`);
    }
  };

  const askAll = (providers: readonly Provider[], signal: AbortSignal): void => {
    const asked = providers.flatMap((provider) => {
      const keys = provider.discover ? app.credentials.list(provider.name) : [];
      return keys.length > 0 && !signal.aborted ? [discover(provider, keys.slice(0, KEYS), signal)] : [];
    });
    running = Promise.all([running, ...asked]);
  };

  return {
    start(signal) {
      if (signal.aborted) return;
      askAll(app.providers, signal);
      const waiting = new Set<string>();
      const leave = onAdded((name) => {
        const state = results.get(name)?.state ?? "failed";
        if (state !== "failed" || waiting.has(name)) return;
        waiting.add(name);
        // A file may bring several keys, one after another.
        queueMicrotask(() => {
          waiting.delete(name);
          askAll(
            app.providers.filter((provider) => provider.name === name),
            signal,
          );
        });
      });
      signal.addEventListener("abort", leave, { once: true });
    },
    finished: async () => void (await running),
    listings: () => app.providers.map(({ name }) => ({ provider: name, state: "stated", ...results.get(name) })),
  };
}

/** A bad key must not hide what the next one can see. */
async function ask(provider: Provider, keys: readonly Credential[], signal: AbortSignal): Promise<readonly string[]> {
  let refusal: unknown;
  for (const key of keys) {
    try {
      const found: unknown = await provider.discover!(key, signal);
      if (!Array.isArray(found)) throw new Error("its discover() returned no list");
      return [...new Set(found.filter((model): model is string => typeof model === "string" && model.trim() !== ""))];
    } catch (error) {
      refusal = error;
      if (!ProxyError.is(error) || !aboutKey.has(error.kind) || signal.aborted) break;
    }
  }
  throw refusal;
}

const aboutKey: ReadonlySet<string> = new Set(["credential_invalid", "forbidden", "no_credit", "banned"]);

/** Ends with the limit or with `signal` even when the provider's function listens to neither. */
async function limited<T>(app: App, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const own = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (why: string): void => {
    const error = new Error(why);
    reject(error);
    own.abort(error);
  };
  const stop = (): void => end("the proxy was closed");
  const timer = app.runtime.clock.timer(() => end(`no answer within ${LIMIT / 1000} s`), LIMIT);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([ended, run(own.signal)]);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
  }
}
