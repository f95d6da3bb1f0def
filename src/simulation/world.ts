/**
 * A whole proxy in a small world: simulated clients ask, simulated upstreams answer or fail, proxies are reloaded,
 * restarted and killed, all of it in virtual time and from one seed. After every step the invariants are checked.
 */
import { createRests } from "../candidates/rests.ts";
import type { Config } from "../config/types.ts";
import type { Context, Outcome } from "../plugin/context.ts";
import type { Limits } from "../plugin/provider.ts";
import type { Runtime } from "../runtime.ts";
import { virtualClock, type VirtualClock } from "../testing/virtual-clock.ts";
import type { Chance } from "./chance.ts";
import { ask, type Served } from "./client.ts";
import { type Generation, startGeneration } from "./generations.ts";
import { type Promises, type Rule, type Violate } from "./invariants.ts";
import { type Life, newLife } from "./life.ts";
import { createTrace, type Trace } from "./trace.ts";
import type { SimulatedRequest } from "./traffic.ts";
import type { Upstream } from "./upstream.ts";
import { createWatch } from "./watch.ts";
import { watchedNetwork } from "./watched-network.ts";

export interface WorldInit {
  readonly start: number;
  readonly chance: Chance;
  readonly upstreams: readonly Upstream[];
  /** Models every upstream lists. */
  readonly models: readonly string[];
  /** The config of the n-th proxy, from 0. Each needs plugins of its own. */
  readonly config: (generation: number) => Config;
  readonly promises: Promises;
  /** Requests in flight that a key may have; `Infinity` without a limit. */
  readonly concurrency: (provider: string, key: string) => number;
  /** Requests per minute and day that one proxy may send with a key and have answered. */
  readonly limits?: Pick<Limits, "rpm" | "rpd">;
}

export interface Violation {
  readonly rule: Rule;
  readonly what: string;
  readonly index: number | undefined;
  /** What led to it: the steps of that request, then the last steps of all. */
  readonly trace: readonly string[];
}

export interface World {
  readonly clock: VirtualClock;
  readonly trace: Trace;
  readonly lives: ReadonlyMap<number, Life>;
  readonly violations: readonly Violation[];
  readonly counts: { requests: number; calls: number; steps: number };
  current(): Generation;
  /** All proxies that still run. */
  generations(): readonly Generation[];
  /** A client asks now. */
  request(request: SimulatedRequest): Promise<void>;
  /** Another proxy takes over. `reload` keeps what rests; `kill` ends every request with the process. */
  replace(how: "reload" | "restart" | "kill"): Promise<void>;
  /** What the client whose request ended last was served. */
  last(): Served | undefined;
  close(): Promise<void>;
  violate: Violate;
}

/** Milliseconds that a proxy which is to end waits for its requests. */
const DRAIN = 10_000;
/** Violations of a rule that are kept; one fault may break it thousands of times. */
const KEPT = 3;
/** Steps that are kept with one. */
const SHOWN = 30;

export async function createWorld(init: WorldInit): Promise<World> {
  const { start, chance, upstreams, promises, concurrency } = init;
  const clock = wholeMilliseconds(virtualClock({ start, onStep }));
  const trace = createTrace(start);
  const lives = new Map<number, Life>();
  const hangUps = new Map<number, () => void>();
  const violations: Violation[] = [];
  const counts = { requests: 0, calls: 0, steps: 0 };
  const generations: Generation[] = [];
  let number = 0;
  let last: Served | undefined;

  const violate: Violate = (rule, what, life) => {
    trace.note(clock.now(), "VIOLATED", life && `#${life.request.index}`, rule, what);
    if (violations.filter((each) => each.rule === rule).length >= KEPT) return;
    const index = life?.request.index;
    const own = index === undefined ? [] : [`request #${index}:`, ...trace.lines(index), ""];
    violations.push({ rule, what, index, trace: [...own, "the last steps:", ...trace.lines().slice(-SHOWN)] });
  };
  const watch = createWatch({ violate, concurrency, lives, now: clock.now });

  function onStep(): void {
    counts.steps++;
    watch.step();
  }

  const side = {
    clock,
    trace,
    lives,
    upstreams,
    models: init.models,
    promises,
    counts,
    violate,
    watch,
    limits: init.limits,
  };
  const runtimeOf = (own: () => Generation): Runtime => ({
    clock,
    random: chance.fork(`proxy ${number}`).next,
    transport: watchedNetwork({ ...side, own }),
  });

  const sink = (outcome: Outcome, ctx: Context): void => {
    const life = lives.get(Number(ctx.id.slice(1)));
    if (!life) return violate("one-end", `a record of ${ctx.id}, which is over`);
    life.records++;
    life.outcome = outcome;
    trace.note(
      clock.now(),
      "record",
      `#${life.request.index}`,
      outcome.end,
      outcome.status,
      outcome.error?.code ?? outcome.error?.kind,
    );
    if (life.records > 1) violate("one-end", `${life.records} records`, life);
    const { error } = outcome;
    const isLate = clock.now() - life.askedAt >= promises.deadline;
    const isFinal = isLate || error?.scope === "request" || ctx.attempts.length >= promises.attempts;
    const isShort = error?.kind === "no_candidate" || (outcome.end === "upstream-failed" && !isFinal);
    if (!isShort || isLate || outcome.status === 200) return;
    const free = watch.usable(life);
    if (free !== undefined) violate("no-starvation", `refused with ${error?.kind} though ${free} could be asked`, life);
  };

  const begin = async (rests = createRests()): Promise<Generation> => {
    const config = init.config(number);
    const onFault = (text: string): void => violate("no-fault-logged", text);
    const runtime = runtimeOf(() => made);
    const made: Generation = await startGeneration({ number: number++, config, runtime, rests, sink, onFault });
    generations.push(made);
    return made;
  };
  const end = async (generation: Generation): Promise<void> => {
    const at = generations.indexOf(generation);
    if (at === -1) return;
    generations.splice(at, 1);
    await generation.proxy.close();
  };
  let current = await begin();
  const hangUpAll = (generation: Generation): void => {
    for (const life of lives.values()) if (life.generation === generation) hangUps.get(life.request.index)?.();
  };

  return {
    clock,
    trace,
    lives,
    violations,
    counts,
    violate,
    current: () => current,
    generations: () => generations,
    async request(request) {
      const generation = current;
      const life = newLife(request, generation, clock.now());
      lives.set(request.index, life);
      generation.active++;
      counts.requests++;
      trace.note(
        clock.now(),
        "asks",
        `#${request.index}`,
        request.model,
        request.stream ? "stream" : "whole",
        request.client,
      );
      life.served = await ask(request, {
        fetch: (asked) => generation.proxy.fetch(asked),
        clock,
        onFirstByte: () => (life.firstByteAt = clock.now()),
        onOpen: (hangUp) => hangUps.set(request.index, hangUp),
        onLeave() {
          life.leftAt = clock.now();
          trace.note(clock.now(), "leaves", `#${request.index}`);
          watch.leaving(life);
        },
      });
      last = life.served;
      const { status, code, end: how } = life.served;
      trace.note(clock.now(), "served", `#${request.index}`, how, status, code);
      watch.served(life);
      hangUps.delete(request.index);
      generation.active--;
      // Looked at after this step; then nobody may know it any more.
      clock.timer(() => lives.delete(request.index), 1);
      if (generation.old && generation.active === 0) await end(generation);
    },
    async replace(how) {
      const before = current;
      trace.note(clock.now(), how);
      current = await begin(how === "reload" ? before.rests : undefined);
      before.old = true;
      if (how === "kill") hangUpAll(before);
      if (how === "restart") clock.timer(() => hangUpAll(before), DRAIN);
      if (before.active === 0) await end(before);
    },
    last: () => last,
    async close() {
      for (const generation of [...generations]) await end(generation);
    },
  };
}

/**
 * Timers fire at whole milliseconds, as those of a machine do. Parts of one would add up to waits that are too short to
 * move the time on, so that who waits for the rest of them waits for ever.
 */
function wholeMilliseconds(clock: VirtualClock): VirtualClock {
  const { timer } = clock;
  return Object.assign(clock, { timer: (callback: () => void, ms: number) => timer(callback, Math.ceil(ms)) });
}
