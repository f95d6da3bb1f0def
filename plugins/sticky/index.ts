/** Keeps a conversation on its key while that is healthy, so that prompt caches and signatures stay valid. */
import {
  type Attempt,
  type Candidate,
  ConfigError,
  type Context,
  definePlugin,
  defineSlot,
  type Json,
  type MaybePromise,
  type Plugin,
  type StateStore,
} from "waygate";
import { type Session, sessionOf } from "./session.ts";

export interface StickyOptions {
  /** Milliseconds a conversation is remembered after its last request. Default one hour. */
  readonly ttl?: number;
  /** Milliseconds to wait for the conversation's key when all its places are taken. Default 0: another key at once. */
  readonly wait?: number;
  /** Recognises conversations that no client names by how they began. Default true. */
  readonly infer?: boolean;
}

/** Where a conversation has been: provider and credential, the latest first. */
type Homes = readonly (readonly [provider: string, credential: string])[];

interface Entry {
  /** Epoch milliseconds when it was written. */
  readonly at: number;
  readonly homes: Homes;
}

/** What is known of the conversation of a request. */
interface Seat {
  readonly session: Session;
  readonly entry: Entry | undefined;
  /** The key of the store under which the entry was found. */
  readonly found: string | undefined;
}

/** Providers whose key is remembered at most. */
const HOMES = 4;
/** Of the time to live, the share after which an entry that stays the same is written again. */
const FRESH = 0.25;

/**
 * A conversation is what a client names (`x-waygate-session`, the session headers and ids of coding agents, ids in the
 * body, `prompt_cache_key`), else its first question and first answer; per caller and per model asked for. It is moved
 * when its key rests, is busy or has failed, and stays where it has been moved to. Affinity stands below the order of an
 * alias, tiers and key priorities. Throws a `ConfigError` for options that make no sense.
 */
export function sticky(options: StickyOptions = {}): Plugin<readonly []> {
  const { ttl = 3_600_000, wait = 0, infer = true } = options;
  positive("ttl", ttl, 1);
  positive("wait", wait, 0);
  const slot = defineSlot<Seat>("sticky");
  let complained = false;

  /** A store that fails costs the affinity, never the request. */
  const complain = (ctx: Context, error: unknown): void => {
    if (!complained) ctx.log.warn("sticky: conversations cannot be kept on their keys, the state fails:", error);
    complained = true;
  };

  return definePlugin({
    name: "sticky",
    hooks: {
      filter: {
        order: "post",
        when: ({ operation }) => operation === "generate",
        handler(ctx) {
          const session = sessionOf(ctx, infer);
          if (session === undefined) return;
          const settle = ({ key, entry }: Found): void => {
            ctx.set(slot, { session, entry, found: key });
          };
          try {
            const found = lookUp(ctx.app.state, session.known);
            if (!isPromise(found)) return settle(found);
            return found.then(settle, (error: unknown) => complain(ctx, error));
          } catch (error) {
            complain(ctx, error);
          }
        },
      },
      selectKey: {
        precedence: "affinity",
        when: (ctx) => ctx.get(slot)?.entry !== undefined,
        seek: (ctx) => ({ credentials: ctx.get(slot)!.entry!.homes.map(([, credential]) => credential), wait }),
        handler(candidates, ctx, selection) {
          const { homes } = ctx.get(slot)!.entry!;
          const home = homesAmong(candidates, homes);
          const [head] = home;
          if (head === undefined) return candidates;
          if (head !== candidates[0]) selection.move(head, "the conversation's key");
          else if (home.length === 1) return candidates;
          return [...home, ...candidates.filter((candidate) => !home.includes(candidate))];
        },
      },
      record: {
        when: (ctx) => ctx.get(slot) !== undefined,
        async handler({ answeredBy, end }, ctx) {
          const { session, entry, found } = ctx.get(slot)!;
          if (answeredBy === undefined || end === "upstream-failed") return;
          const now = ctx.app.runtime.clock.now();
          const homes = homesAfter(entry?.homes ?? [], answeredBy);
          const age = now - (entry?.at ?? 0);
          if (homes === entry?.homes && found === session.key && age >= 0 && age < ttl * FRESH) return;
          try {
            await ctx.app.state.set(session.key, { at: now, homes }, ttl);
          } catch (error) {
            complain(ctx, error);
          }
        },
      },
    },
  });
}

interface Found {
  readonly key: string | undefined;
  readonly entry: Entry | undefined;
}

/** The first key that is known. Synchronous as long as the store is. */
function lookUp(state: StateStore, keys: readonly string[], from = 0): MaybePromise<Found> {
  for (let index = from; index < keys.length; index++) {
    const key = keys[index]!;
    const value = state.get(key);
    if (isPromise(value)) {
      return value.then((read) => {
        const entry = entryOf(read);
        return entry ? { key, entry } : lookUp(state, keys, index + 1);
      });
    }
    const entry = entryOf(value);
    if (entry) return { key, entry };
  }
  return { key: undefined, entry: undefined };
}

/** What another version of this plugin has written may look different. */
function entryOf(value: Json | undefined): Entry | undefined {
  const { at, homes } = (value ?? {}) as Partial<Entry>;
  if (typeof at !== "number" || !Array.isArray(homes) || homes.length === 0) return undefined;
  return homes.every((home) => Array.isArray(home)) ? { at, homes: homes as unknown as Homes } : undefined;
}

/** The candidates of the conversation's keys, the latest first. */
function homesAmong(candidates: readonly Candidate[], homes: Homes): readonly Candidate[] {
  return homes.flatMap(([, id]) => candidates.filter((candidate) => candidate.credential.id === id));
}

/** The very list when nothing has changed. */
function homesAfter(homes: Homes, { provider, credential }: Attempt): Homes {
  const [latest] = homes;
  if (latest?.[0] === provider.name && latest[1] === credential.id) return homes;
  return [[provider.name, credential.id] as const, ...homes.filter(([name]) => name !== provider.name)].slice(0, HOMES);
}

function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === "function";
}

function positive(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "sticky", name],
      what: `sticky: ${name} is ${String(value)}`,
      why: `it must be a number of milliseconds, at least ${least}`,
      fix: "write a number, or leave it out",
      needle: name,
    },
  ]);
}
