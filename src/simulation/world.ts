/**
 * A whole proxy in a small world: simulated clients ask, simulated upstreams answer or fail, proxies are reloaded,
 * restarted and killed, all of it in virtual time and from one seed. After every step the invariants are checked.
 */
import type { Config } from "../config/types.ts";
import type { Runtime } from "../runtime.ts";
import { virtualClock, type VirtualClock } from "../testing/virtual-clock.ts";
import { createAffinity } from "./affinity.ts";
import type { Chance } from "./chance.ts";
import { ask, type Served } from "./client.ts";
import { type Generation, startGeneration } from "./generations.ts";
import { type Promises, type Rule, type Violate } from "./invariants.ts";
import { type Life, newLife } from "./life.ts";
import type { RationsInit } from "./rations.ts";
import { readRecords } from "./records.ts";
import { createSuccession, type Replacing } from "./succession.ts";
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
  /** Requests in flight that a key may have, of one model if that is given; `Infinity` without a limit. */
  readonly concurrency: (provider: string, key: string, model?: string) => number;
  /** What keys, providers and clients may use at most. Default: anything. */
  readonly limits?: RationsInit;
  /** A restart finds what the process before has saved. Default false: it begins with nothing. */
  readonly saved?: boolean;
  /** Conversations are to stay on their keys. Default false. */
  readonly affinity?: boolean;
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
  /**
   * Another proxy takes over. `reload` takes what there is with it; before a `restart` the one before finishes what it
   * has and refuses what comes; `kill` ends every request with the process.
   */
  replace(how: Replacing): Promise<void>;
  /** Sets the clock of the machine, by so many milliseconds. */
  jump(ms: number): void;
  /** Epoch milliseconds by a clock that nobody sets. */
  time(): number;
  /** What the client whose request ended last was served. */
  last(): Served | undefined;
  close(): Promise<void>;
  violate: Violate;
}

/** Violations of a rule that are kept; one fault may break it thousands of times. */
const KEPT = 3;
/** Steps that are kept with one. */
const SHOWN = 30;

export async function createWorld(init: WorldInit): Promise<World> {
  const { start, chance, upstreams, promises, concurrency, limits = {}, saved = false } = init;
  const clock = wholeMilliseconds(virtualClock({ start, onStep }));
  const time = (): number => start + clock.monotonic();
  const trace = createTrace(start);
  const lives = new Map<number, Life>();
  const hangUps = new Map<number, () => void>();
  const violations: Violation[] = [];
  const counts = { requests: 0, calls: 0, steps: 0 };
  const generations: Generation[] = [];
  let number = 0;
  let last: Served | undefined;

  const violate: Violate = (rule, what, life) => {
    trace.note(time(), "VIOLATED", life && `#${life.request.index}`, rule, what);
    if (violations.filter((each) => each.rule === rule).length >= KEPT) return;
    const index = life?.request.index;
    const own = index === undefined ? [] : [`request #${index}:`, ...trace.lines(index), ""];
    violations.push({ rule, what, index, trace: [...own, "the last steps:", ...trace.lines().slice(-SHOWN)] });
  };
  const hasTokens = [limits.key, limits.provider].some((each) => (each?.tpm ?? each?.tpd) !== undefined);
  const watch = createWatch({ violate, concurrency, lives, generations, now: time, hasTokens });
  const affinity = init.affinity ? createAffinity(violate, time) : undefined;

  function onStep(): void {
    counts.steps++;
    watch.step();
  }

  const side = {
    clock,
    time,
    trace,
    lives,
    upstreams,
    models: init.models,
    promises,
    counts,
    violate,
    watch,
    affinity,
    concurrency,
  };
  const runtimeOf = (own: () => Generation): Runtime => ({
    clock,
    random: chance.fork(`proxy ${number}`).next,
    transport: watchedNetwork({ ...side, own }),
  });

  const sink = readRecords(side);
  const onFault = (text: string): void => violate("no-fault-logged", text);
  const processes = await createSuccession({
    clock,
    limits,
    saved,
    generations,
    async start(seen, heritage) {
      const config = init.config(number);
      const runtime = runtimeOf(() => made);
      const made = await startGeneration({ number: number++, config, runtime, heritage, seen, sink, onFault });
      return made;
    },
    hangUp() {
      for (const { request } of lives.values()) hangUps.get(request.index)?.();
    },
    forgotten: () => affinity?.forget(),
  });

  return {
    clock,
    time,
    trace,
    lives,
    violations,
    counts,
    violate,
    current: processes.current,
    generations: () => generations,
    async request(request) {
      const generation = processes.current();
      const life = newLife(request, generation, time());
      if (!life.turnedAway) affinity?.asked(life);
      lives.set(request.index, life);
      generation.active++;
      counts.requests++;
      trace.note(
        time(),
        "asks",
        `#${request.index}`,
        request.model,
        request.stream ? "stream" : "whole",
        request.client,
      );
      life.served = await ask(request, {
        fetch: (asked) => generation.proxy.fetch(asked),
        clock,
        onFirstByte: () => (life.firstByteAt = time()),
        onOpen: (hangUp) => hangUps.set(request.index, hangUp),
        onLeave() {
          life.leftAt = time();
          trace.note(time(), `leaves ${phaseOf(life)}`, `#${request.index}`);
          watch.leaving(life);
        },
      });
      last = life.served;
      const { status, code, end: how } = life.served;
      trace.note(time(), "served", `#${request.index}`, how, status, code);
      watch.served(life);
      hangUps.delete(request.index);
      generation.active--;
      // Looked at after this step; then nobody may know it any more.
      clock.timer(() => lives.delete(request.index), 1);
      await processes.left(generation);
    },
    async replace(how) {
      trace.note(time(), how);
      await processes.replace(how);
    },
    jump(ms) {
      trace.note(time(), "jumps", ms);
      clock.shift(ms);
      for (const life of lives.values()) life.jumped = true;
    },
    last: () => last,
    close: processes.close,
  };
}

/** Where a client leaves it. */
function phaseOf({ sendings, open, firstByteAt }: Life): string {
  if (firstByteAt !== undefined) return "in the answer";
  if (open > 0) return "before the answer";
  return sendings.length === 0 ? "waiting" : "between calls";
}

/**
 * Timers fire at whole milliseconds, as those of a machine do. Parts of one would add up to waits that are too short to
 * move the time on, so that who waits for the rest of them waits for ever.
 */
export function wholeMilliseconds(clock: VirtualClock): VirtualClock {
  const { timer } = clock;
  return Object.assign(clock, { timer: (callback: () => void, ms: number) => timer(callback, Math.ceil(ms)) });
}
