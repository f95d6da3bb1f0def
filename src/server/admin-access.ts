/** Who may see the administrator's routes: a caller that auth calls an administrator, or this machine's command line. */
import { timingSafeEqual } from "node:crypto";
import { ProxyError } from "../failure/error.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { identify } from "./plugin-routes.ts";
import type { Call } from "./route.ts";

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
}

/** Without a grant no token opens anything. */
export function createAdminAccess(): AdminAccess {
  let granted: AdminGrant | undefined;
  return {
    grant(grant) {
      granted = grant;
    },
    get granted() {
      return granted;
    },
  };
}

/** Throws a 401 or a 403 unless the call is an administrator's. */
export async function requireAdmin(pipeline: Pipeline, { granted }: AdminAccess, call: Call): Promise<void> {
  const shown = call.req.headers.get(adminHeader);
  if (shown !== null) {
    if (granted === undefined || !isSame(shown, granted.token)) {
      throw new ProxyError({
        kind: "unauthenticated",
        message: `${adminHeader} does not hold the token of this server.`,
      });
    }
    if (isThisMachine(call)) return;
    throw new ProxyError({ kind: "forbidden", message: `${adminHeader} counts from the server's own machine only.` });
  }
  const principal = await identify(pipeline, pipeline.app.protocol("openai-chat"), call);
  if (principal?.admin) return;
  const message = "This route is for administrators: a key with admin: true, or the command line of this machine.";
  throw new ProxyError({ kind: principal === undefined ? "unauthenticated" : "forbidden", message });
}

/** Padded to one length, so that the time tells neither the token nor how long it is. */
function isSame(shown: string, token: string): boolean {
  const [a, b] = [Buffer.alloc(256), Buffer.alloc(256)];
  a.write(shown);
  b.write(token);
  return timingSafeEqual(a, b) && shown.length === token.length && token !== "";
}

/** By the socket alone, whatever headers say: loopback, or one of this machine's addresses calling itself. */
function isThisMachine({ event }: Call): boolean {
  const socket = event.runtime?.node?.req.socket;
  const from = socket?.remoteAddress;
  if (from === undefined) return false;
  return /^(?:::ffff:)?127\.|^::1$/.test(from) || from === socket?.localAddress;
}
