/** What must hold of the whole proxy after every step of time: places, rests, who waits and who could be asked. */
import type { Target } from "../plugin/context.ts";
import type { Generation } from "./generations.ts";
import { checkEnd, type Violate } from "./invariants.ts";
import type { Life } from "./life.ts";

export interface WatchInit {
  readonly violate: Violate;
  /** Requests in flight that a key may have, of one model if that is given. */
  readonly concurrency: (provider: string, key: string, model?: string) => number;
  readonly lives: ReadonlyMap<number, Life>;
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number;
  readonly generations: readonly Generation[];
  /** There are limits of tokens: only the proxy knows for which request too few are left, as it guesses its size. */
  readonly hasTokens: boolean;
}

export interface Watch {
  /** Something happened on this key: its places are counted after the step. */
  touch(generation: Generation, provider: string, key: string): void;
  /** Right before a client goes. */
  leaving(life: Life): void;
  /** A client has its end. */
  served(life: Life): void;
  /** A key that could be asked for this request now, if there is one. */
  usable(life: Life): string | undefined;
  step(): void;
}

/** Milliseconds: how often requests without a call are looked at, and how long one may be left so. */
const LOOK = 500;
const HUNGER = 4000;
/** How often all that rests is looked at, and how long it may with an end: what an upstream names is believed so far. */
const SWEEP = 600_000;
const LONGEST = 7 * 86_400_000;

export function createWatch({ violate, concurrency, lives, now, generations, hasTokens }: WatchInit): Watch {
  const touched = new Map<
    string,
    { readonly generation: Generation; readonly provider: string; readonly key: string }
  >();
  const left: { readonly life: Life; readonly before: string }[] = [];
  const ended: Life[] = [];
  const targets = new WeakMap<Generation, Map<string, readonly Target[]>>();
  let lookAt = 0;
  let sweepAt = 0;
  /** By what rests until when: when it has to be over. */
  let ends = new Map<string, number>();

  // Whether somebody tries it out just now is no part of what is wrong with it.
  const restsOf = ({ app }: Generation): string =>
    app.credentials
      .rests()
      .map(
        ({ target, rest }) =>
          `${target.credential ?? target.provider} ${target.model ?? ""} ${rest.state} ${rest.state === "half-open" ? "" : rest.until}`,
      )
      .toSorted()
      .join("\n");

  const targetsOf = ({ generation, request }: Life): readonly Target[] => {
    let known = targets.get(generation);
    if (!known) targets.set(generation, (known = new Map()));
    let found = known.get(request.model);
    if (!found) known.set(request.model, (found = generation.app.models.resolve(request.model)));
    return found;
  };

  const usable = (life: Life): string | undefined => {
    if (hasTokens) return undefined;
    const { credentials } = life.generation.app;
    for (const { provider, model } of targetsOf(life)) {
      const isBarred = life.sendings.some(
        ({ provider: tried, model: asked, call: { play } }) =>
          tried === provider.name &&
          (/html|gateway|account_deactivated/.test(play.fault ?? "") ||
            (asked === model && play.fault?.includes("context_length"))),
      );
      if (isBarred) continue;
      for (const credential of credentials.list(provider.name)) {
        const name = credential.label ?? "";
        if (life.sendings.some((each) => each.provider === provider.name && each.key === name)) continue;
        if (credentials.inFlight(credential.id) >= concurrency(provider.name, name)) continue;
        if (credentials.inFlight(credential.id, model) >= concurrency(provider.name, name, model)) continue;
        if (credentials.resting({ provider, model, credential }) === undefined)
          return `${provider.name}/${model} ${name}`;
      }
    }
    return undefined;
  };

  const look = (): void => {
    for (const life of lives.values()) {
      if (life.served || life.jumped || life.leftAt !== undefined || life.firstByteAt !== undefined) continue;
      if (life.open > 0 || usable(life) === undefined) {
        life.hungrySince = undefined;
        continue;
      }
      life.hungrySince ??= now();
      const hungry = now() - life.hungrySince;
      if (hungry > HUNGER) violate("no-starvation", `it waits since ${hungry} ms though ${usable(life)} is free`, life);
    }
  };

  const sweep = (): void => {
    const before = ends;
    ends = new Map();
    for (const generation of generations) {
      for (const { target, rest } of generation.app.credentials.rests()) {
        const of = `${target.provider} ${target.credential ?? ""} ${target.model ?? ""} ${rest.state}, ${rest.reason}`;
        if (rest.until === Number.POSITIVE_INFINITY) {
          // What does not end by itself waits for somebody, and its state says so.
          if (rest.state === "cooling" || rest.state === "exhausted") violate("rest-ends", `${of}: for ever`);
          continue;
        }
        const most = rest.until - generation.wall();
        if (!(most <= LONGEST)) violate("rest-ends", `${of}: ${most} ms left`);
        if (most <= 0) continue;
        // A clock that is set forward may end it before, none may make it longer.
        const name = `${generation.seen.process} ${of} ${rest.until}`;
        const end = before.get(name) ?? now() + most;
        if (now() > end + 1) violate("rest-ends", `${of}: ${now() - end} ms longer than it was to`);
        ends.set(name, end);
      }
    }
  };

  return {
    usable,
    touch(generation, provider, key) {
      touched.set(`${generation.number} ${provider} ${key}`, { generation, provider, key });
    },
    leaving: (life) => void left.push({ life, before: restsOf(life.generation) }),
    served: (life) => void ended.push(life),
    step() {
      for (const { generation, provider, key } of touched.values()) {
        const id = generation.key(provider, key)?.credential.id;
        if (id === undefined) continue;
        const open = generation.seen.open.get(`${provider}/${key}`) ?? 0;
        const taken = generation.app.credentials.inFlight(id);
        if (taken !== open) violate("no-leak", `${provider} ${key}: ${open} calls, ${taken} places taken`);
        if (open > concurrency(provider, key)) violate("no-overload", `${provider} ${key}: ${open} calls at once`);
      }
      touched.clear();
      for (const { life, before } of left.splice(0)) {
        if (life.open > 0) violate("abort-ends-calls", `${life.open} calls go on after the client has left`, life);
        const after = restsOf(life.generation);
        if (after !== before) violate("abort-is-neutral", `rests before:\n${before}\nafter:\n${after}`, life);
      }
      for (const life of ended.splice(0)) checkEnd(life, violate);
      if (now() >= sweepAt) {
        sweepAt = now() + SWEEP;
        sweep();
      }
      if (now() < lookAt) return;
      lookAt = now() + LOOK;
      look();
    },
  };
}
