/** What of a request may be written: headers by name, and texts without the secrets that were used for it. */
import { type Context, maskKnown, secretsIn } from "waygate";

/** Headers whose values say what was asked and how it went, and nothing of who asked from where. */
const open =
  /^(?:accept|content-(?:type|length|encoding)|date|user-agent|retry-after(?:-ms)?|(?:x-)?request-id|x-upstream-request-id|openai-(?:beta|model|version|processing-ms)|anthropic-(?:beta|version|ratelimit-.+)|x-ratelimit-.+|x-stainless-.+|x-waygate-.+|x-fallback-provider)$/;

/** All names; values only of those that may be read. */
export function writtenHeaders(headers: Iterable<readonly [string, string]>): { readonly [name: string]: string } {
  return Object.fromEntries([...headers].map(([name, value]) => [name, open.test(name) ? value : "***"]));
}

export interface Masker {
  /** The text without what the client and the attempts so far have identified themselves with, and what accounts hold. */
  mask(text: string): string;
  /** An attempt has been given another request to send than it began with. */
  refresh(): void;
}

export function createMasker({ req, attempts, ip }: Context): Masker {
  const given = [new URL(req.url).searchParams.get("key"), ip !== undefined && !isLocal(ip) && ip];
  const own = secretsIn(given, Object.fromEntries(req.headers));
  let known = own;
  let seen = 0;
  return {
    mask(text) {
      if (seen !== attempts.length) {
        seen = attempts.length;
        const theirs = attempts.flatMap(({ credential, wire }) => secretsIn(credential.data, wire.headers));
        // Longest first: one may be a part of another.
        known = [...new Set([...own, ...theirs])].sort((a, b) => b.length - a.length);
      }
      return known.length === 0 ? text : maskKnown(text, known);
    },
    refresh() {
      seen = 0;
    },
  };
}

/** The address of this machine stands in those of upstreams and says nothing of anybody. */
function isLocal(ip: string): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(ip);
}

/** Characters of a line without an end that are waited for, so that no secret is cut in two. */
const LONGEST_LINE = 64 * 1024;
/** Characters that are kept back of a longer one: no key and no token is longer. */
const KEPT_BACK = 8 * 1024;

export interface LineReader {
  /** What is complete now, line ends included. */
  push(bytes: Uint8Array): string;
  rest(): string;
}

/** Bytes in any pieces to text that never ends in the middle of a line, unless that is very long. */
export function wholeLines(): LineReader {
  const decoder = new TextDecoder();
  let begun = "";
  const cutAt = (at: number): string => {
    const text = begun.slice(0, at);
    begun = begun.slice(at);
    return text;
  };
  return {
    push(bytes) {
      begun += decoder.decode(bytes, { stream: true });
      const end = begun.lastIndexOf("\n") + 1;
      if (end > 0) return cutAt(end);
      return begun.length > LONGEST_LINE ? cutAt(begun.length - KEPT_BACK) : "";
    },
    rest() {
      begun += decoder.decode();
      return cutAt(begun.length);
    },
  };
}
