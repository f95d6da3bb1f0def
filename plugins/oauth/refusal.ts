/** What a server says when it refuses, without the secrets it was given. */
import type { Json } from "waygate";
import type { OAuthRefusal } from "./spec.ts";

/** A refusal of RFC 6749 5.2, or of whatever form the server gives it. Stays inside this plugin. */
export class TokenRefused extends Error implements OAuthRefusal {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  /** Epoch milliseconds from which on the server may be asked again, where it says so. */
  readonly retryAt: number | undefined;

  constructor(refusal: OAuthRefusal & { readonly retryAt: number | undefined }) {
    super(wordsOf(refusal));
    this.status = refusal.status;
    this.error = refusal.error;
    this.description = refusal.description;
    this.retryAt = refusal.retryAt;
  }
}

/** `invalid_grant: Token has been expired or revoked.` */
export function wordsOf({ status, error, description }: OAuthRefusal): string {
  return [error, description].filter((part) => part !== "").join(": ") || `status ${status}`;
}

/** Text for people, short and without any of `hidden`. */
export function textOf(value: Json | Error | undefined, hidden: readonly string[]): string {
  let text = typeof value === "string" ? value : value instanceof Error ? rootOf(value) : "";
  for (const secret of hidden) if (secret !== "") text = text.replaceAll(secret, "***");
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** `ECONNREFUSED`, or what else lies at the bottom of the causes. */
function rootOf(error: Error): string {
  let root = "no reason given";
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    // Codes of the system say more than its sentences, those of oauth4webapi less.
    if ("code" in each && typeof each.code === "string" && /^(?!OAUTH_)./.test(each.code)) return each.code;
    root = each.message;
  }
  return root;
}
