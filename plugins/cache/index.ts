/** Gives the answer of an earlier request to one that is the same, where another answer would be the same too. */
import { ConfigError, type Context, definePlugin, defineSlot, type Outcome, type Plugin } from "waygate";
import { keyOf, wishOf } from "./cacheable.ts";
import { type AnswerStore, type CachedAnswer, createAnswerStore } from "./store.ts";

export interface CacheOptions {
  /** Milliseconds an answer is kept. Default ten minutes. */
  readonly ttl?: number;
  /** Bytes of all answers together; those not asked for the longest go first. Default 64 MiB. */
  readonly size?: number;
  /** Bytes of one answer; larger ones pass without being kept. Default 1 MiB. */
  readonly answer?: number;
  /** Keeps every answer, not only those of requests with temperature 0 or a seed. Default false. */
  readonly all?: boolean;
  /** Answers of one client are given to the others too. Default false. */
  readonly shared?: boolean;
  /**
   * Milliseconds a request waits for the same one that is under way already, instead of being asked beside it.
   * Default 30 s; 0 = never.
   */
  readonly wait?: number;
}

/** A request whose answer is being made. */
interface Flight {
  readonly landed: Promise<void>;
  land(): void;
}

/** What a request's answer will be kept under, and as much of it as has passed. */
interface Copy {
  readonly key: string;
  readonly flight: Flight | undefined;
  headers: { readonly [name: string]: string };
  /** Undefined once it has become too large. */
  parts: Uint8Array[] | undefined;
  length: number;
}

/** Headers of an answer that are told again. */
const kept: readonly string[] = ["content-type", "openai-model"];

/**
 * Exact matches only: the same body, protocol, model and caller. Never kept are failures, answers that were cut off or
 * filtered, those with tools that an upstream runs, and those an upstream keeps itself. `cache-control: no-store`,
 * `no-cache` and `max-age` of the request are honoured; a hit carries `x-waygate-cache: hit` and `age`. It runs behind
 * the other filters, so that limits and checks come first. Throws a `ConfigError` for options that make no sense.
 */
export function cache(options: CacheOptions = {}): Plugin<readonly []> {
  const {
    ttl = 600_000,
    size = 64 * 1024 ** 2,
    answer = 1024 ** 2,
    all = false,
    shared = false,
    wait = 30_000,
  } = options;
  for (const [name, value] of Object.entries({ ttl, size, answer, wait }))
    atLeast(name, value, name === "wait" ? 0 : 1);
  const store: AnswerStore = createAnswerStore({ ttl, size });
  const flights = new Map<string, Flight>();
  const slot = defineSlot<Copy>("cache");

  const found = (key: string, maxAge: number, { app }: Context): Response | undefined => {
    const now = app.runtime.clock.monotonic();
    const entry = maxAge > 0 ? store.get(key, now) : undefined;
    return entry && now - entry.at <= maxAge ? responseOf(entry, now) : undefined;
  };
  /** From here on the answer is copied as it passes. */
  const begin = (key: string, ctx: Context, leads: boolean): void => {
    const flight = leads && !flights.has(key) ? takeOff() : undefined;
    if (flight) flights.set(key, flight);
    const copy: Copy = { key, flight, headers: {}, parts: [], length: 0 };
    ctx.set(slot, copy);
    const before = ctx.delivery?.tap;
    ctx.delivery = {
      ...ctx.delivery,
      tap: {
        ...before,
        head(status, headers) {
          before?.head?.(status, headers);
          copy.headers = Object.fromEntries(kept.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])));
        },
        data(bytes) {
          before?.data(bytes);
          copy.length += bytes.byteLength;
          if (copy.length > answer) copy.parts = undefined;
          // The bytes are a piece of what the network has brought, which would be kept whole.
          else copy.parts?.push(bytes.slice());
        },
      },
    };
  };

  return definePlugin({
    name: "cache",
    hooks: {
      filter: {
        order: "post",
        handler(ctx) {
          const wish = wishOf(ctx.req.headers);
          const key = wish.store ? keyOf(ctx, { all, shared }) : undefined;
          if (key === undefined) return;
          const hit = found(key, wish.maxAge, ctx);
          if (hit) return hit;
          const flight = wait > 0 && wish.maxAge > 0 ? flights.get(key) : undefined;
          if (!flight) return begin(key, ctx, wish.maxAge > 0);
          return landing(flight, ctx, wait).then(() => {
            const answered = found(key, wish.maxAge, ctx);
            if (!answered) begin(key, ctx, false);
            return answered;
          });
        },
      },
      record: {
        when: (ctx) => ctx.get(slot) !== undefined,
        handler(outcome, ctx) {
          const { key, flight, parts, headers } = ctx.get(slot)!;
          if (parts && isWorthKeeping(outcome, ctx)) {
            store.set(key, { headers, body: Buffer.concat(parts), at: ctx.app.runtime.clock.monotonic() });
          }
          if (!flight) return;
          flights.delete(key);
          flight.land();
        },
      },
    },
  });
}

/** A whole answer that a model has ended by itself or at the limit the request names. */
function isWorthKeeping({ status, end, finish, answeredBy, bytes }: Outcome, { operation }: Context): boolean {
  if (status !== 200 || end !== "complete" || answeredBy === undefined || bytes === 0) return false;
  return operation !== "generate" || finish === "stop" || finish === "length" || finish === "tool-calls";
}

function responseOf({ headers, body, at }: CachedAnswer, now: number): Response {
  const age = String(Math.floor((now - at) / 1000));
  return new Response(body, { headers: { ...headers, age, "x-waygate-cache": "hit" } });
}

function takeOff(): Flight {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { landed: promise, land: resolve };
}

/** Until the other request has its answer or none, the time is over, or this client has gone. */
async function landing({ landed }: Flight, { app, signal }: Context, wait: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = app.runtime.clock.timer(over.resolve, wait);
  const leave = (): void => over.resolve();
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  await Promise.race([landed, over.promise]);
  timer.cancel();
  signal.removeEventListener("abort", leave);
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "cache", name],
      what: `cache: ${name} is ${String(value)}`,
      why: `it must be a number, at least ${least}`,
      fix: "write a number, or leave it out",
      needle: name,
    },
  ]);
}
