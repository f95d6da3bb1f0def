/** Who is calling: whoever shows a user's token. Everything else is another auth plugin's, or nobody's. */
import { timingSafeEqual } from "node:crypto";
import {
  type Context,
  type HookObject,
  type Hooks,
  presentedKeys,
  type Principal,
  ProxyError,
  type Tries,
  userSlot,
} from "waygate";
import type { Addresses } from "./addresses.ts";
import type { Directory } from "./directory.ts";
import type { User } from "./people.ts";
import { hashOf } from "./tokens.ts";

export interface Door {
  readonly directory: Directory;
  readonly addresses: Addresses;
  readonly tries: Tries;
  /** False until users have been read from the database. */
  readonly isLoaded: boolean;
  /** The user came from one address too many. */
  ban(user: User): void;
  touch(user: string, now: number): void;
}

/** Bytes of a token at most; what is longer is none, and not worth hashing. */
const LONGEST = 512;
/** Milliseconds until the database may answer again. */
const SOON = 5000;

/** Asked last, so that what it does not know is known to nobody and counts as wrong. */
export function authHook(doorOf: (ctx: Context) => Door | undefined): HookObject<Hooks["auth"]> {
  return {
    order: "post",
    handler(ctx) {
      const door = doorOf(ctx);
      if (door === undefined) return undefined;
      let shown = false;
      for (const key of presentedKeys(ctx)) {
        shown = true;
        if (key.length > LONGEST) continue;
        const hash = hashOf(key);
        const user = door.directory.find(hash);
        if (user && timingSafeEqual(Buffer.from(hash), Buffer.from(user.tokenHash))) return admit(door, user, ctx);
      }
      if (!shown) return undefined;
      door.tries.check(ctx.ip);
      if (!door.isLoaded) throw notLoaded(ctx);
      door.tries.wrong(ctx.ip);
      return undefined;
    },
  };
}

function admit(door: Door, user: User, ctx: Context): Principal {
  const now = ctx.app.runtime.clock.now();
  if (user.disabledAt !== undefined) throw disabled(user.disabledReason);
  if (user.expiresAt !== undefined && user.expiresAt <= now) {
    throw new ProxyError({
      kind: "unauthenticated",
      status: 401,
      code: "token_expired",
      message: `This token expired at ${new Date(user.expiresAt).toISOString()}. Ask for a new one.`,
    });
  }
  if (user.maxIps !== undefined && ctx.ip !== undefined && !door.addresses.admit(user, ctx.ip, now)) {
    if (user.banOverIps) {
      door.ban(user);
      throw disabled(overIps);
    }
    throw new ProxyError({
      kind: "forbidden",
      status: 403,
      code: "ip_not_allowed",
      message: `This token is in use from ${user.maxIps} addresses already, and ${ctx.ip} is not one of them.`,
    });
  }
  door.touch(user.id, now);
  const { slot, principal } = door.directory.entry(user);
  ctx.set(userSlot, slot);
  return principal;
}

export const overIps = "used from too many addresses";

function disabled(reason: string | undefined): ProxyError {
  return new ProxyError({
    kind: "forbidden",
    status: 403,
    code: "user_disabled",
    message: `This user is disabled${reason ? `: ${reason}` : ""}. Ask whoever runs the proxy.`,
  });
}

function notLoaded({ app }: Context): ProxyError {
  return new ProxyError({
    kind: "overloaded",
    scope: "request",
    status: 503,
    message: "The users could not be read from the database yet, so nobody can tell whose token this is.",
    retryAt: app.runtime.clock.now() + SOON,
  });
}
