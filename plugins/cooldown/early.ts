/** Long rests that an upstream has named the end of, tried out before: a quota may be back earlier than it was said. */
import type { App, Rest, RestTarget, Timer } from "waygate";

export interface Early {
  /** That rest has begun. */
  watch(app: App, target: RestTarget, rest: Rest): void;
  /** Takes over what rests from before. */
  start(app: App): void;
  stop(app: App): void;
}

const HOUR = 3_600_000;
/** Milliseconds between two trials of one provider: of thousands of keys few may cost a request an attempt. */
const PACE = 10_000;
/** Milliseconds in which other workers hear that a rest is to be tried out, before it is. */
const NOTICE = 1000;

interface Watch {
  readonly timers: Map<string, Timer>;
  /** When the next trial of a provider may begin. */
  readonly turns: Map<string, number>;
}

/** `policy`: whose rests. Every 30 to 60 minutes one request is let through; what it is told begins or ends the rest. */
export function earlyTrials(policy: string): Early {
  const watches = new Map<App, Watch>();

  const forget = (app: App, key: string): void => {
    const timers = watches.get(app)?.timers;
    timers?.get(key)?.cancel();
    timers?.delete(key);
  };
  /** `end` is what the upstream has named, `until` what is kept of it now. */
  const plan = (app: App, target: RestTarget, end: number, until: number): void => {
    const key = keyOf(app, target);
    forget(app, key);
    const known = watches.get(app);
    if (!known) return;
    const { credentials, runtime } = app;
    const { clock } = runtime;
    const after = (ms: number, then: () => void): void => {
      const timer = clock.timer(() => {
        known.timers.delete(key);
        then();
      }, ms);
      known.timers.set(key, timer);
    };
    /** Somebody may know better by now, or have found out. */
    const restNow = (): Rest | undefined => {
      const rest = credentials.restOf(target);
      return rest?.policy === policy && rest.until === until ? rest : undefined;
    };
    const open = (): void => {
      const rest = restNow();
      if (!rest) return;
      credentials.wake(target);
      const now = clock.now();
      if (now >= end) return;
      const soon = now + NOTICE;
      credentials.rest(target, { ...rest, state: stateOf(rest), until: soon, probe: true });
      plan(app, target, end, soon);
    };
    const wait = HOUR * (0.5 + runtime.random() / 2);
    after(Math.max(0, Math.min(wait, end - clock.now())), () => {
      if (!restNow()) return;
      const now = clock.now();
      const turn = Math.max(now, known.turns.get(target.provider) ?? 0);
      known.turns.set(target.provider, turn + PACE);
      if (turn > now) after(turn - now, open);
      else open();
    });
  };
  const watch: Early["watch"] = (app, target, { until }) => {
    if (!watches.has(app)) watches.set(app, { timers: new Map(), turns: new Map() });
    const left = until - app.runtime.clock.now();
    if (Number.isFinite(until) && left > HOUR) plan(app, target, until, until);
    else forget(app, keyOf(app, target));
  };

  return {
    watch,
    start(app) {
      for (const { target, rest } of app.credentials.rests()) {
        const isLimit = rest.kind === "rate_limited" || rest.kind === "quota_exhausted";
        if (rest.policy === policy && target.credential !== undefined && isLimit) watch(app, target, rest);
      }
    },
    stop(app) {
      for (const timer of watches.get(app)?.timers.values() ?? []) timer.cancel();
      watches.delete(app);
    },
  };
}

/** Half-open is what a rest becomes, not what it is. */
function stateOf({ kind, state }: Rest): Rest["state"] {
  if (state !== "half-open") return state;
  return kind === "quota_exhausted" ? "exhausted" : "cooling";
}

function keyOf({ credentials }: App, { provider, credential = "", model }: RestTarget): string {
  return `${credential}\0${model === undefined ? "" : credentials.scope(provider, model)}`;
}
