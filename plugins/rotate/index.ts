/** Spreads requests over the keys of a provider. */
import {
  type Candidate,
  ConfigError,
  type Context,
  definePlugin,
  loadCatalog,
  normalizeId,
  type Plugin,
  providerNamed,
} from "waygate";
import { createPriceList, type PriceList } from "./cost.ts";
import { createCounts } from "./counts.ts";
import { createLatencies } from "./latency.ts";
import { createOrder, type Order } from "./order.ts";

/** Those that look at how often keys were used. */
const counted = ["balanced", "sequential", "round-robin", "least-used", "weighted", "random", "usage-gap"] as const;
export type CountedMode = (typeof counted)[number];
export type RotateMode = CountedMode | "latency" | "cost";

const modes: readonly RotateMode[] = [...counted, "latency", "cost"];

/** What differs for one provider. */
export interface RotateRule {
  readonly mode?: CountedMode;
  readonly tolerance?: number;
  readonly gap?: number;
}

export interface RotateOptions {
  /**
   * `balanced` draws a key, the less used the likelier; `least-used` takes the least used; `sequential` stays with the
   * most used one until it rests; `round-robin` takes the one unused for longest; `weighted` and `random` draw by the
   * keys' weights or evenly; `usage-gap` goes round until counts differ too much, then takes the least used; `latency`
   * takes the one that was quickest to its first token; `cost` the cheapest provider, and there as `balanced`.
   * Default `balanced`.
   */
  readonly mode?: RotateMode;
  /** For `balanced` and `cost`: 0 always takes the least used, 2 to 4 is usual, above 5 is close to chance. Default 3. */
  readonly tolerance?: number;
  /** For `usage-gap`: percent of the highest count that the lowest may be behind. Default 5. */
  readonly gap?: number;
  /** What differs for a provider. Not beside the modes `latency` and `cost`, which compare providers. */
  readonly providers?: { readonly [provider: string]: RotateRule };
}

/**
 * Uses are attempts sent since 03:00 UTC, per key and quota group (else model). `latency` and `cost` compare providers
 * too, where a name stands for one model of several and tiers do not say otherwise; prices are those of the catalogue,
 * unknown ones come last.
 */
export function rotate(options: RotateOptions = {}): Plugin<readonly []> {
  const { mode = "balanced", tolerance = 3, gap = 5, providers = {} } = options;
  if (!modes.includes(mode)) throw unknownMode(mode);
  const counts = createCounts();
  const usual = { mode: isCounted(mode) ? mode : ("balanced" as const), tolerance, gap, counts };
  const own = new Map(Object.entries(providers).map(([name, rule]) => [normalizeId(name), ruled(rule, mode)]));
  const usualOrder = createOrder(usual);
  const orders = new Map([...own].map(([name, rule]) => [name, createOrder({ ...usual, ...rule })]));
  const orderOf = ({ name }: Candidate["provider"]): Order =>
    orders.size === 0 ? usualOrder : (orders.get(normalizeId(name)) ?? usualOrder);
  const modeOf = ({ name }: Candidate["provider"]): RotateMode => own.get(normalizeId(name))?.mode ?? mode;
  const latencies = createLatencies();
  let prices: PriceList | undefined;

  const ordering = (candidates: readonly Candidate[], ctx: Context): readonly Candidate[] => {
    if (mode === "latency") return latencies.order(candidates, ctx);
    return inRuns(candidates, ctx, orderOf, prices);
  };
  const describe = (candidate: Candidate, ctx: Context): string => {
    if (mode === "latency") return latencies.describe(candidate, ctx);
    if (prices) return prices.describe(candidate);
    const used = counts.of(ctx.app.credentials.scope(candidate.provider.name, candidate.model));
    return `${modeOf(candidate.provider)}: ${used?.get(candidate.credential.id)?.uses ?? 0} uses today`;
  };

  return definePlugin({
    name: "rotate",
    hooks: {
      selectKey: {
        precedence: "balance",
        spread: own.size === 0 ? mode !== "sequential" : (provider) => modeOf(provider) !== "sequential",
        handler(candidates, ctx, selection) {
          if (candidates.length < 2) return candidates;
          counts.turn(ctx.app.runtime.clock.now());
          const ordered = ordering(candidates, ctx);
          if (!selection.detailed) return ordered;
          // Times and prices say something of every candidate, counts only why the first one is first.
          const told = isCounted(mode) ? ordered.slice(0, ordered[0] === candidates[0] ? 0 : 1) : ordered;
          for (const candidate of told) selection.move(candidate, describe(candidate, ctx));
          return ordered;
        },
      },
      transform({ ctx: { app }, candidate }) {
        counts.turn(app.runtime.clock.now());
        counts.add(app.credentials.scope(candidate.provider.name, candidate.model), candidate.credential.id);
      },
      ...(mode === "latency" && {
        record({ answeredBy }, ctx) {
          if (answeredBy?.firstByteAt === undefined) return;
          latencies.add(ctx, answeredBy.candidate, answeredBy.firstByteAt - answeredBy.startedAt);
        },
        fail(error, attempt) {
          // It would have taken at least as long.
          if (error.kind !== "timeout" || attempt.committed) return;
          latencies.add(attempt.ctx, attempt.candidate, attempt.ctx.app.runtime.clock.now() - attempt.startedAt);
        },
      }),
    },
    async setup({ snapshot, providers: known }) {
      for (const name of Object.keys(providers)) providerNamed(name, known, ["rotate", "providers", name]);
      if (snapshot !== undefined) counts.keep(snapshot);
      if (mode === "cost") prices = createPriceList(await loadCatalog());
    },
  });
}

/** Without what is left out. */
function ruled(rule: RotateRule, usual: RotateMode): RotateRule {
  const { mode } = rule;
  if (mode !== undefined && !isCounted(mode)) throw unknownMode(mode, counted);
  if (!isCounted(usual)) throw unknownMode(usual, counted, "modes differ by provider, and it compares providers");
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined));
}

function isCounted(mode: RotateMode): mode is CountedMode {
  return (counted as readonly RotateMode[]).includes(mode);
}

function unknownMode(mode: unknown, known: readonly string[] = modes, because?: string): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "rotate", "mode"],
      what:
        because === undefined
          ? `rotate: there is no mode "${String(mode)}"`
          : `rotate: mode cannot be "${String(mode)}"`,
      why: because ?? `the modes are ${known.join(", ")}`,
      fix: "name one of them",
      needle: String(mode),
    },
  ]);
}

interface Run {
  readonly from: number;
  readonly to: number;
  readonly price: number;
  /** Decides between equal prices. */
  readonly chance: number;
}

/**
 * Calls `order` for each stretch of candidates of one rank, the cheapest first where there are prices. Position, tier and
 * key priority are applied after this policy, so a draw over all of them would seldom be the draw among those that come
 * first.
 */
function inRuns(
  candidates: readonly Candidate[],
  { app }: Context,
  orderOf: (provider: Candidate["provider"]) => Order,
  prices: PriceList | undefined,
): readonly Candidate[] {
  const ordered: Candidate[] = [];
  const runs: Run[] = [];
  let from = 0;
  for (let index = 1; index <= candidates.length; index++) {
    if (index < candidates.length && isSameRank(candidates[from]!, candidates[index]!)) continue;
    if (prices) runs.push({ from, to: index, price: prices.of(candidates[from]!), chance: app.runtime.random() });
    else orderOf(candidates[from]!.provider)(candidates, from, index, ordered, app);
    from = index;
  }
  runs.sort((a, b) => (a.price === b.price ? a.chance - b.chance : a.price - b.price));
  for (const run of runs) orderOf(candidates[run.from]!.provider)(candidates, run.from, run.to, ordered, app);
  return ordered;
}

function isSameRank(a: Candidate, b: Candidate): boolean {
  return (
    a.provider === b.provider &&
    a.position === b.position &&
    a.model === b.model &&
    a.credential.priority === b.credential.priority
  );
}
