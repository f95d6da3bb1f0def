/** How long somebody waits for a refusal: the longer, the more they have had of late. Counts are of this process. */
import { type Context, ProxyError, userSlot } from "waygate";

export interface PenaltyOptions {
  /** Milliseconds before the first refusal; each further one takes twice as long. Default 1 s. */
  readonly first?: number;
  /** Milliseconds at most. Default 60 s. */
  readonly most?: number;
  /** Milliseconds after which half of the refusals are forgotten. Default 30 s. */
  readonly halfLife?: number;
}

/** Resolves when the refusal may be sent. Rejects with a `ProxyError` of kind `aborted` when the client leaves before. */
export type Penalty = (ctx: Context) => Promise<void>;

interface Past {
  readonly count: number;
  readonly at: number;
}

/** Clients remembered; the oldest are forgotten first. */
const KEPT = 10_000;
/** Refusals that wait at once. Each holds a connection and its prompt, so that more would punish us. */
const WAITING = 200;

export function createPenalty({ first = 1000, most = 60_000, halfLife = 30_000 }: PenaltyOptions): Penalty {
  const past = new Map<string, Past>();
  let waiting = 0;

  const count = (client: string, now: number): number => {
    const before = past.get(client);
    const halvings = before === undefined ? 0 : Math.floor((now - before.at) / halfLife);
    // A clock set back must not make more of them.
    const left = before === undefined ? 0 : Math.floor(before.count / 2 ** Math.max(0, halvings));
    past.delete(client);
    if (past.size >= KEPT) for (const [oldest] of past) if (past.delete(oldest)) break;
    past.set(client, { count: left + 1, at: now });
    return left + 1;
  };

  return async (ctx) => {
    const { clock } = ctx.app.runtime;
    const ms = Math.min(most, first * 2 ** (count(clientOf(ctx), clock.monotonic()) - 1));
    if (ms <= 0 || waiting >= WAITING) return;
    waiting++;
    try {
      await pause(ctx, ms);
    } finally {
      waiting--;
    }
  };
}

/** A person where that is known; many share a key, but few an address. */
function clientOf(ctx: Context): string {
  const user = ctx.get(userSlot)?.user;
  if (user !== undefined) return `user ${user}`;
  return ctx.ip ?? ctx.principal?.id ?? "";
}

function pause({ app, signal }: Context, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const timer = app.runtime.clock.timer(end, ms);
    const leave = (): void => {
      timer.cancel();
      reject(new ProxyError({ kind: "aborted", message: "The client left before it was refused." }));
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}
