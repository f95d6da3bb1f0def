/** Reading and joining what is kept of an account. */
import { createHash } from "node:crypto";
import type { Json } from "../protocols/canonical.ts";
import type { AccountFields, AccountKind, StoredAccount } from "./types.ts";

/** What is at `path`, with dots: `_proxy_metadata.email`. */
export function fieldAt(fields: AccountFields, path: string): Json | undefined {
  let value: Json | undefined = fields;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as AccountFields)[name];
  }
  return value;
}

/** A copy with `value` at `path`. */
export function withFieldAt(fields: AccountFields, path: string, value: Json): AccountFields {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...fields, [name]: value };
  const inner = fields[name];
  return { ...fields, [name]: withFieldAt(isFields(inner) ? inner : {}, rest.join("."), value) };
}

/** What is new wins; what it does not name stays, inside `_proxy_metadata` too. */
export function joinFields(before: AccountFields, after: AccountFields): AccountFields {
  const [old, fresh] = [before["_proxy_metadata"], after["_proxy_metadata"]];
  return {
    ...before,
    ...after,
    ...(isFields(old) && isFields(fresh) ? { _proxy_metadata: { ...old, ...fresh } } : {}),
  };
}

export function isFields(value: unknown): value is AccountFields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The e-mail address, wherever this or another tool keeps it. */
export function emailOf(fields: AccountFields): string | undefined {
  for (const path of ["_proxy_metadata.email", "email"]) {
    const value = fieldAt(fields, path);
    if (typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return undefined;
}

/** For places where more people look than the one whose accounts these are: `mia***er@***`. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf("@");
  const local = at < 0 ? email : email.slice(0, at);
  return `${local.length > 5 ? `${local.slice(0, 3)}***${local.slice(-2)}` : "***"}${at < 0 ? "" : "@***"}`;
}

/** Epoch milliseconds at which the access ends; `undefined`: never. */
export function expiryOf(kind: Pick<AccountKind, "expiresAt">, fields: AccountFields): number | undefined {
  if (kind.expiresAt) return kind.expiresAt(fields);
  const value = fields["expiry_date"];
  return typeof value === "number" ? value : undefined;
}

/**
 * The same for two sets of fields of one account: what the provider's code says, else the refresh token. `undefined`
 * when nothing tells.
 */
export function identityOf(kind: Pick<AccountKind, "identify">, fields: AccountFields): string | undefined {
  const token = fields["refresh_token"];
  return (
    kind.identify(fields)?.trim().toLowerCase() ||
    (typeof token === "string" && token !== "" ? `token ${token}` : undefined)
  );
}

/** How the credential of an account is called by the running proxy; it stays over refreshes and does not tell the address. */
export function accountId(kind: Pick<AccountKind, "provider" | "identify">, account: StoredAccount): string {
  const { origin, fields } = account;
  // A refresh token is no identity here: it may change with every refresh.
  const place = origin.kind === "file" ? origin.path : origin.prefix;
  const identity = kind.identify(fields)?.trim().toLowerCase() || place;
  return `${kind.provider}:${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`;
}
