/** Who may reach the server at all when nobody has to show a key, and whose word about a caller's address counts. */
import type { H3Event } from "h3";
import type { ServerConfig } from "../config/types.ts";
import { ProxyError } from "../failure/error.ts";

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?|[a-z0-9-]+\.localhost)$/i;

/** True for names and addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return loopback.test(host);
}

/**
 * Without authentication only loopback host names are answered, and no page of a foreign origin: a page somewhere on
 * the web could otherwise rebind its own name to this machine and spend the keys.
 */
export function refuseForeign(headers: Headers, guarded: boolean, server: ServerConfig): void {
  if (guarded) return;
  const host = headers.get("host");
  if (host !== null && !knownHost(hostName(host), server)) {
    throw new ProxyError({
      kind: "forbidden",
      message: `Without an auth plugin only loopback names are answered, not ${JSON.stringify(host.slice(0, 100))}. Add proxyKey() to the plugins, or the name to server.allowedHosts.`,
    });
  }
  const origin = headers.get("origin");
  if (origin === null || origin === "") return;
  const url = URL.parse(origin);
  if (url && knownHost(url.hostname, server)) return;
  throw new ProxyError({
    kind: "forbidden",
    message: `Without an auth plugin pages of ${JSON.stringify(origin.slice(0, 100))} may not call. Add proxyKey() to the plugins.`,
  });
}

function knownHost(name: string, server: ServerConfig): boolean {
  return isLoopback(name) || (server.allowedHosts?.includes(name) ?? false);
}

/** `example.com:8000` and `[::1]:8000` without the port. */
function hostName(host: string): string {
  return host.startsWith("[") ? host.slice(0, host.indexOf("]") + 1) : host.replace(/:\d*$/, "");
}

/**
 * The caller's address: of the socket, or as far back in `X-Forwarded-For` as proxies are trusted. Absent where the
 * host does not tell.
 */
export function clientAddress(event: H3Event, trust: ServerConfig["trustProxy"]): string | undefined {
  const address = event.runtime?.node?.req.socket?.remoteAddress ?? (event.req as { ip?: string }).ip;
  if (address === undefined) return undefined;
  const socket = plain(address);
  if (!trust) return socket;
  const forwarded = (event.req.headers.get("x-forwarded-for") ?? "")
    .split(",")
    .flatMap((each) => plain(each.trim()) || []);
  // Nearest first: each hop was appended by the one before it in this list.
  const hops = [socket, ...forwarded.reverse()];
  if (Array.isArray(trust)) return hops.find((hop) => !trust.includes(hop)) ?? hops.at(-1);
  const trusted = trust === true ? hops.length - 1 : (trust as number);
  return hops[Math.min(trusted, hops.length - 1)];
}

/** IPv4 addresses as dual-stack sockets show them, in their usual form. */
function plain(address: string): string {
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}
