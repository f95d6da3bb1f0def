/** Whose words a refusal is in when no protocol has taken the request in: those of the protocol whose path it is. */
import type { Protocol } from "../protocols/types.ts";
import { pathsOf } from "./paths.ts";

export type ClientProtocol = (path: string, headers: Headers) => Protocol;

/** Sent by every client of Anthropic's API, and by no other (Anthropic API reference, Versions). */
export const anthropicHeader = "anthropic-version";

/** Sent by Google's own clients; those of today say `/v1` where others say `/v1beta` (@google/genai 3, `apiVersion`). */
export const geminiHeader = "x-goog-api-client";

/** Of several protocols, so that the path does not tell. */
const shared = "/v1/models";

/** `base` stands before every path. The first protocol is that of all paths that are nobody's. */
export function clientProtocolOf(protocols: readonly Protocol[], base: string): ClientProtocol {
  const places = new Map<string, Protocol>();
  const owners = new Map<string, Set<Protocol>>();
  for (const protocol of protocols) {
    for (const route of Object.keys(protocol.routes)) {
      const path = route.slice(route.indexOf(" ") + 1).replace(/\/\*\*$/, "");
      if (path === shared) continue;
      for (const each of pathsOf(path)) if (!places.has(each)) places.set(each, protocol);
      const top = topOf(path);
      owners.set(top, (owners.get(top) ?? new Set()).add(protocol));
    }
  }
  const named = (name: string): Protocol | undefined => protocols.find(({ id }) => id === name);
  const [anthropic, gemini] = [named("anthropic"), named("gemini")];

  return (fullPath, headers) => {
    const path = base !== "" && fullPath.startsWith(base) ? fullPath.slice(base.length) : fullPath;
    for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
      const owner = places.get(path.slice(0, at));
      if (owner) return owner;
    }
    // `/v1beta` is one protocol's; `/v1` is shared.
    const [only, more] = owners.get(topOf(path)) ?? [];
    if (only && !more) return only;
    const sender = headers.has(anthropicHeader) ? anthropic : headers.has(geminiHeader) ? gemini : undefined;
    return sender ?? protocols[0]!;
  };
}

/** `/v1` of `/v1/models`. */
function topOf(path: string): string {
  const end = path.indexOf("/", 1);
  return end === -1 ? path : path.slice(0, end);
}
