/**
 * The five ways of calling hooks, one per kind, and the sorting that happens once at start. Spans and the naming of
 * errors live here, so that no plugin is ever patched.
 */
import { ProxyError } from "../failure/error.ts";
import type { StreamEvent } from "../protocols/canonical.ts";
import type { Context } from "../plugin/context.ts";
import type { Plugin } from "../plugin/app.ts";
import type { HookObject, Hooks, Precedence, Sought } from "../plugin/hooks.ts";
import type { MaybePromise, Provider } from "../plugin/provider.ts";
import type { Tracer } from "../runtime.ts";

/** A hook with the plugin it came from. */
export interface BoundHook<F> {
  readonly plugin: string;
  readonly span: string;
  readonly when: ((ctx: Context) => boolean) | undefined;
  readonly precedence: Precedence;
  readonly spread: boolean | ((provider: Provider) => boolean);
  readonly seek?: ((ctx: Context) => Sought | undefined) | undefined;
  readonly favour?: HookObject<F>["favour"];
  readonly handler: F;
}

export type CompiledHooks = { readonly [K in keyof Hooks]: readonly BoundHook<Hooks[K]>[] };

const names = ["auth", "filter", "selectKey", "transform", "call", "fail", "event", "record"] as const;
const ranks = { pre: 0, normal: 1, post: 2 } as const;

/** Least significant first: each later stable sort overrules the ones before, so the last one counts most. */
const precedences: readonly Precedence[] = ["drop", "balance", "affinity", "tier"];

/** Sorts every plugin's hooks once. `selectKey` hooks come in the order in which they must run. */
export function compileHooks(plugins: readonly Plugin[]): CompiledHooks {
  const compiled: { [name: string]: BoundHook<never>[] } = {};
  for (const name of names) {
    const found: { hook: BoundHook<never>; rank: number }[] = [];
    for (const plugin of plugins) {
      const hook = plugin.hooks?.[name] as HookObject<never> | undefined;
      if (!hook) continue;
      const object = (typeof hook === "function" ? { handler: hook } : hook) as HookObject<never>;
      found.push({
        rank: ranks[object.order ?? "normal"],
        hook: {
          plugin: plugin.name,
          span: `${name} ${plugin.name}`,
          when: object.when?.bind(object),
          precedence: object.precedence ?? "balance",
          spread: object.spread ?? false,
          seek: object.seek?.bind(object),
          favour: object.favour?.bind(object),
          handler: object.handler,
        },
      });
    }
    found.sort((a, b) => a.rank - b.rank);
    if (name === "selectKey") {
      found.sort((a, b) => precedences.indexOf(a.hook.precedence) - precedences.indexOf(b.hook.precedence));
    }
    compiled[name] = found.map((entry) => entry.hook);
  }
  return compiled as unknown as CompiledHooks;
}

/** True for hooks that do not decline this request. */
export function applies(hook: BoundHook<unknown>, ctx: Context): boolean {
  if (hook.when === undefined) return true;
  try {
    return hook.when(ctx);
  } catch (error) {
    throw named(error, hook);
  }
}

/** Runs one hook with its span, and names plugin and stage in what it throws. */
export function callHook<T>(tracer: Tracer | undefined, hook: BoundHook<unknown>, run: () => T): T {
  const span = tracer?.start(hook.span, { plugin: hook.plugin });
  let result: T;
  try {
    result = run();
  } catch (error) {
    span?.end(error);
    throw named(error, hook);
  }
  if (isPromise(result)) {
    return result.then(
      (value) => {
        span?.end();
        return value as unknown;
      },
      (error: unknown) => {
        span?.end(error);
        throw named(error, hook);
      },
    ) as T;
  }
  span?.end();
  return result;
}

/** JavaScript plugins may say `null` where `undefined` is meant. */
function declines(result: unknown): boolean {
  return result === undefined || result === null;
}

/** First wins: the first result that is not undefined. Stays synchronous until a hook is not. */
export function first<F, R>(
  hooks: readonly BoundHook<F>[],
  tracer: Tracer | undefined,
  ctx: Context,
  run: (hook: BoundHook<F>) => MaybePromise<R | undefined | void>,
  from = 0,
): MaybePromise<R | undefined> {
  for (let index = from; index < hooks.length; index++) {
    const hook = hooks[index]!;
    if (!applies(hook, ctx)) continue;
    const result = callHook(tracer, hook, () => run(hook));
    if (isPromise(result)) {
      return result.then((value) => (declines(value) ? first(hooks, tracer, ctx, run, index + 1) : (value as R)));
    }
    if (!declines(result)) return result as R;
  }
  return undefined;
}

/** Series: one after the other; no results. Stays synchronous until a hook is not. */
export function series<F>(
  hooks: readonly BoundHook<F>[],
  tracer: Tracer | undefined,
  ctx: Context,
  run: (hook: BoundHook<F>) => MaybePromise<void>,
  from = 0,
): MaybePromise<void> {
  for (let index = from; index < hooks.length; index++) {
    const hook = hooks[index]!;
    if (!applies(hook, ctx)) continue;
    const pending = callHook(tracer, hook, () => run(hook));
    if (isPromise(pending)) return pending.then(() => series(hooks, tracer, ctx, run, index + 1));
  }
}

/** Onion: the first listed is outermost; each may call `next` once. */
export function onion<F, T>(
  hooks: readonly BoundHook<F>[],
  tracer: Tracer | undefined,
  ctx: Context,
  run: (hook: BoundHook<F>, next: () => Promise<T>) => Promise<T>,
  core: () => Promise<T>,
): Promise<T> {
  const layer = (index: number): Promise<T> => {
    let at = index;
    while (at < hooks.length && !applies(hooks[at]!, ctx)) at++;
    const hook = hooks[at];
    if (!hook) return core();
    let called = false;
    return callHook(tracer, hook, () =>
      run(hook, () => {
        if (called) {
          throw new ProxyError({
            kind: "internal",
            message: `[${hook.plugin}] call: next() was called twice. An attempt is one call; return a verdict from "fail" to try again.`,
          });
        }
        called = true;
        return layer(at + 1);
      }),
    );
  };
  return hooks.length === 0 ? core() : layer(0);
}

/** Parallel and isolated: every hook runs, failures go to `onError`. */
export function parallel<F>(
  hooks: readonly BoundHook<F>[],
  tracer: Tracer | undefined,
  ctx: Context,
  run: (hook: BoundHook<F>) => MaybePromise<void>,
  onError: (error: unknown) => void,
): MaybePromise<void> {
  let running: Promise<void>[] | undefined;
  for (const hook of hooks) {
    try {
      if (!applies(hook, ctx)) continue;
      const pending = callHook(tracer, hook, () => run(hook));
      if (isPromise(pending)) (running ??= []).push((pending as Promise<void>).catch(onError));
    } catch (error) {
      onError(error);
    }
  }
  if (running) return Promise.all(running).then(() => undefined);
}

/** Events: synchronous series in which each hook turns one event into none, one or several. */
export function eventChain(
  hooks: readonly BoundHook<Hooks["event"]>[],
  ctx: Context,
): (event: StreamEvent, emit: (event: StreamEvent) => void) => void {
  const step = (index: number, event: StreamEvent, emit: (event: StreamEvent) => void): void => {
    const hook = hooks[index];
    if (!hook) return emit(event);
    const result = callHook(undefined, hook, () => hook.handler(event, ctx));
    if (result === undefined) return;
    if (Array.isArray(result)) for (const each of result as readonly StreamEvent[]) step(index + 1, each, emit);
    else step(index + 1, result as StreamEvent, emit);
  };
  return (event, emit) => step(0, event, emit);
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function named(error: unknown, hook: BoundHook<unknown>): unknown {
  if (ProxyError.is(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  const stage = hook.span.slice(0, hook.span.indexOf(" "));
  return new ProxyError({ kind: "internal", message: `[${hook.plugin}] ${stage}: ${text}`, cause: error });
}
