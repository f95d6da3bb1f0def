/** The line to Redis: every question has an answer or an end within a moment, and who is away is noticed and awaited. */
import { randomUUID } from "node:crypto";
import type { StateHost, Timer } from "waygate";
import { type Address, withoutSecrets } from "./address.ts";
import { createClient, hopeless } from "./client.ts";
import { type Script, scripts } from "./lua.ts";

/** Redis did not answer, or not with what was asked for. The caller does without. */
export class AwayError extends Error {
  override readonly name = "AwayError";
}

/** Asks a script; rejects with what was wrong. */
export type Run = (
  script: Script,
  keys: readonly string[],
  values: readonly string[],
  late?: (reply: unknown) => void,
) => Promise<unknown>;

export interface Link {
  /** False while somebody local stands in. */
  readonly up: boolean;
  /** Why it is not up. */
  readonly reason: string;
  /** Milliseconds to add to the time here for the time there; 0 where both are nearly the same. */
  readonly offset: number;
  /** Rejects with an `AwayError`. An answer that comes after that goes to `late`. */
  command(parts: readonly string[], late?: (reply: unknown) => void): Promise<unknown>;
  readonly run: Run;
  /** The name of a key there. All have one hash tag, so they lie together. */
  key(name: string): string;
  /** Called whenever Redis is there again. */
  whenBack(listener: (lost: boolean) => void): void;
  close(): void;
}

export interface LinkInit {
  readonly address: Address;
  readonly prefix: string;
  /** Milliseconds to wait for an answer. */
  readonly wait: number;
  readonly host: StateHost;
  /** Redis answers again, not with the data of before when `lost`. It counts as away until this resolves. */
  before(run: Run, offset: number, lost: boolean): Promise<void>;
  /** What is sent in here comes before anything else. */
  after(run: Run, offset: number): Promise<void>;
}

/** Milliseconds between two looks whether Redis is back. */
const LOOK = 200;
/** Milliseconds a start waits for the first answer. */
const START = 1500;
/** Clocks that differ by less are taken for one. */
const SAME = 50;
/** Milliseconds between two warnings. */
const WARN = 60_000;

/** Resolves when Redis has answered, or was not there in time; rejects with a `ConfigError` where time heals nothing. */
export async function openLink({ address, prefix, wait, host, before, after }: LinkInit): Promise<Link> {
  const { clock, log } = host;
  const client = await createClient(address);
  const key = (name: string): string => `{${prefix}}:${name}`;
  let up = false;
  let isClosed = false;
  let reason = "it has not answered yet";
  let offset = 0;
  let era: string | undefined;
  let warnedAt = Number.NEGATIVE_INFINITY;
  let awaySince = clock.monotonic();
  let isSilent = true;
  let looking: Timer | undefined;
  let isAsking = false;
  const listeners: ((lost: boolean) => void)[] = [];

  const away = (error: unknown): AwayError => {
    const found = describe(error, address);
    if (up) awaySince = clock.monotonic();
    reason = found;
    const was = up;
    up = false;
    if (was && !isClosed) warn();
    return new AwayError(found);
  };
  const warn = (): void => {
    if (clock.monotonic() - warnedAt < WARN) return;
    warnedAt = clock.monotonic();
    isSilent = false;
    log.warn(`The state at ${address.shown} is away: ${reason}. Until it is back this process keeps limits by itself.`);
  };

  const ask = (parts: readonly string[], limit: number, late?: (reply: unknown) => void): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let isLate = false;
    const timer = clock.timer(() => {
      isLate = true;
      reject(new AwayError(`no answer within ${limit} ms`));
    }, limit);
    client.sendCommand(parts).then(
      (reply) => {
        timer.cancel();
        if (isLate) late?.(reply);
        else resolve(reply);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error as Error);
      },
    );
    return promise;
  };
  const evaluate = (
    { sha, source }: Script,
    keys: readonly string[],
    values: readonly string[],
    limit: number,
    late?: (reply: unknown) => void,
  ): Promise<unknown> => {
    const rest = [String(keys.length), ...keys, ...values];
    return ask(["EVALSHA", sha, ...rest], limit, late).catch((error: unknown) => {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return ask(["EVAL", source, ...rest], limit, late);
    });
  };

  /** For what is told while Redis is coming back. */
  const join: Run = (script, keys, values) => evaluate(script, keys.map(key), values, START);

  /** Asks who is there; once at a time. */
  const look = async (): Promise<void> => {
    if (isAsking || up || isClosed || !client.isReady) return;
    isAsking = true;
    try {
      const asked = clock.now();
      // In order on one line, so every script is there when it is needed first.
      const load = Object.values(scripts).map(({ source }) => ask(["SCRIPT", "LOAD", source], START));
      const [reply] = await Promise.all([evaluate(scripts.hello, [key("era")], [randomUUID()], START), ...load]);
      const [found = "", time] = reply as readonly string[];
      const lost = era !== undefined && found !== era;
      offset = offsetOf(Number(time), asked, clock.now());
      era = found;
      await before(join, offset, lost);
      if (isClosed) return;
      up = true;
      after(join, offset).catch(away);
      for (const listener of listeners) listener(lost);
      if (!isSilent) {
        const seconds = Math.max(1, Math.round((clock.monotonic() - awaySince) / 1000));
        log.info(`The state at ${address.shown} is back after ${seconds} s: limits are shared again.`);
      }
      isSilent = true;
    } catch (error) {
      away(error);
    } finally {
      isAsking = false;
    }
  };
  const lookOn = (): void => {
    if (isClosed) return;
    void look();
    looking = clock.timer(lookOn, LOOK);
  };

  const fatal = Promise.withResolvers<never>();
  client.on("error", (error) => {
    const end = hopeless(error, address);
    if (end) fatal.reject(end);
    away(error);
  });
  const ready = new Promise<void>((resolve) => {
    client.on("ready", () => void look().then(resolve));
  });
  client.connect().catch((error: unknown) => away(error));
  lookOn();
  const late = new Promise<void>((resolve) => clock.timer(resolve, START));
  const close = (): void => {
    isClosed = true;
    up = false;
    reason = "it has been closed";
    looking?.cancel();
    client.destroy();
  };
  try {
    await Promise.race([ready, late, fatal.promise]);
  } catch (error) {
    close();
    throw error;
  }
  fatal.promise.catch(() => {
    // From now on it is one more reason to be away, which has been said.
  });
  if (!up) warn();

  const through = (asked: Promise<unknown>): Promise<unknown> =>
    asked.catch((error: unknown) => {
      throw away(error);
    });
  const refuse = (): Promise<never> => Promise.reject(new AwayError(reason));

  return {
    get up() {
      return up;
    },
    get reason() {
      return reason;
    },
    get offset() {
      return offset;
    },
    key,
    close,
    whenBack: (listener) => void listeners.push(listener),
    command: (parts, gone) => (up ? through(ask(parts, wait, gone)) : refuse()),
    run: (script, keys, values, gone) => (up ? through(evaluate(script, keys.map(key), values, wait, gone)) : refuse()),
  };
}

/** Their time was read between two moments here: only what does not fit between them is a difference. */
function offsetOf(time: number, asked: number, answered: number): number {
  const difference = time < asked ? time - asked : Math.max(0, time - answered);
  return Math.abs(difference) < SAME ? 0 : difference;
}

function describe(error: unknown, address: Address): string {
  const { message, code } = error as { readonly message?: string; readonly code?: string };
  const text = message === undefined || message === "" ? (code ?? "it does not answer") : message;
  return withoutSecrets(text, address).replace(/\.+$/, "");
}
