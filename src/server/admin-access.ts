/**
 * Who may see the administrator's routes: whoever knows `ADMIN_KEY`, a caller that auth calls an administrator, or this
 * machine's command line.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { ProxyError } from "../failure/error.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { Principal } from "../plugin/context.ts";
import type { Clock } from "../runtime.ts";
import { identify } from "./plugin-routes.ts";
import type { Call } from "./route.ts";
import { createTries, type Tries } from "./tries.ts";

export const adminHeader = "x-waygate-admin";

/** What a process that serves knows and the proxy does not. */
export interface AdminGrant {
  /** Opens the administrator's routes to whoever shows it from this machine. */
  readonly token: string;
  /** Requests sent with a credential since the daily reset. */
  usesToday?(credential: string): number;
}

export interface AdminAccess {
  grant(grant: AdminGrant): void;
  readonly granted: AdminGrant | undefined;
  /** True when there is an administrator's key and this is it. */
  isKey(shown: string): boolean;
  readonly tries: Tries;
}

/** Wrong keys that an address may send in ten minutes. */
const MOST = 5;
const WINDOW = 600_000;

/** Without a grant no token opens anything, and without a key no key does. */
export function createAdminAccess(clock: Pick<Clock, "now">, key = ""): AdminAccess {
  let granted: AdminGrant | undefined;
  return {
    isKey: (shown) => key !== "" && isSame(shown, key),
    tries: createTries({ clock, most: MOST, window: WINDOW }),
    grant(grant) {
      granted = grant;
    },
    get granted() {
      return granted;
    },
  };
}

/** The administrator who calls. Throws a 401, 403 or 429 where it is none. */
export async function requireAdmin(pipeline: Pipeline, access: AdminAccess, call: Call): Promise<Principal> {
  const { granted, tries } = access;
  const secret = secretOf(call.req.headers);
  if (secret !== undefined) {
    tries.check(call.ip);
    if (access.isKey(secret)) {
      tries.right(call.ip);
      return { id: "admin", label: "ADMIN_KEY", admin: true };
    }
  }
  const shown = call.req.headers.get(adminHeader);
  if (shown !== null) {
    if (granted === undefined || !isSame(shown, granted.token)) {
      throw new ProxyError({
        kind: "unauthenticated",
        message: `${adminHeader} does not hold the token of this server.`,
      });
    }
    if (isThisMachine(call)) return { id: "admin", label: "command line", admin: true };
    throw new ProxyError({ kind: "forbidden", message: `${adminHeader} counts from the server's own machine only.` });
  }
  const principal = await identify(pipeline, pipeline.app.protocol("openai-chat"), call).catch((error: unknown) => {
    if (secret !== undefined) tries.wrong(call.ip);
    throw error;
  });
  if (principal?.admin) return principal;
  const message =
    "This route is for administrators: ADMIN_KEY, a key with admin: true, or the command line of this machine.";
  throw new ProxyError({ kind: principal === undefined ? "unauthenticated" : "forbidden", message });
}

/** By hashes of one length, so that the time tells neither the secret nor how long it is. */
function isSame(shown: string, secret: string): boolean {
  const [a, b] = [shown, secret].map((text) => hash("sha256", text, "buffer"));
  return timingSafeEqual(a!, b!) && secret !== "";
}

function secretOf(headers: Headers): string | undefined {
  const bearer = /^bearer\s+(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return bearer?.trim() ?? headers.get("x-api-key") ?? undefined;
}

/** By the socket alone, whatever headers say: loopback, or one of this machine's addresses calling itself. */
function isThisMachine({ event }: Call): boolean {
  const socket = event.runtime?.node?.req.socket;
  const from = socket?.remoteAddress;
  if (from === undefined) return false;
  return /^(?:::ffff:)?127\.|^::1$/.test(from) || from === socket?.localAddress;
}
