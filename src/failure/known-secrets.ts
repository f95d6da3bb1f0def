/**
 * The secrets that were sent with one call, taken out of what comes back. Upstreams repeat the key they refuse, and
 * patterns find only keys of a form that somebody has seen before.
 */
import type { HeaderRecord } from "../plugin/provider.ts";

/** Shorter ones would take ordinary words with them. */
const SHORTEST = 8;

const secretHeader = /authorization|cookie|key|token|secret|password/;

/** Every text in a credential's data, and the values of headers that sign a request. */
export function secretsIn(data: unknown, headers: HeaderRecord): readonly string[] {
  const found = new Set<string>();
  collect(data, found, 0);
  for (const [name, value] of Object.entries(headers)) {
    if (secretHeader.test(name)) found.add(value.replace(/^(?:bearer|basic)\s+/i, ""));
  }
  // Longest first: one may be a part of another.
  return [...found].filter((secret) => secret.length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/** Fields of accounts that say nothing secret, and whose values stand in addresses and in the types of errors. */
const open: ReadonlySet<string> = new Set([
  ...["token_uri", "universe_domain", "scope", "scopes", "token_type", "client_id", "resource_url"],
  ...["project_id", "tier", "tier_full"],
]);

function collect(value: unknown, found: Set<string>, depth: number): void {
  if (typeof value === "string") found.add(value);
  else if (typeof value === "object" && value !== null && depth < 4) {
    for (const [name, each] of Object.entries(value)) if (!open.has(name)) collect(each, found, depth + 1);
  }
}

/** The text without these secrets, also where they stand escaped in a JSON string or a URL. */
export function maskKnown(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) {
    const escaped = JSON.stringify(secret).slice(1, -1);
    for (const form of new Set([secret, escaped, encodeURIComponent(secret)])) masked = masked.replaceAll(form, "***");
  }
  return masked;
}
