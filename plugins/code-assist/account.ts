/** What is kept of an account of Google's Code Assist, by the names that its files have always had. */
import { createHash } from "node:crypto";
import { type AccountFields, type AccountVariable, emailOf, fieldAt, type Json, withFieldAt } from "waygate";
import { parseObject } from "waygate/plugins/openai-compatible";

const place = "_proxy_metadata";

/** What the proxy has found out about an account. */
export interface Learnt {
  readonly email?: string;
  readonly project_id?: string;
  /** `ULTRA`, `PRO`, `FREE` or `UNKNOWN`. */
  readonly tier?: string;
  /** The service's own id of the tier. */
  readonly tier_full?: string;
}

/** A text of the account's; `undefined` for an empty one. */
export function textOf(fields: AccountFields, path: string): string | undefined {
  const value = fieldAt(fields, path);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

export function learnt(fields: AccountFields, name: keyof Learnt): string | undefined {
  return textOf(fields, `${place}.${name}`);
}

/** The fields with more of what is known. */
export function withLearnt(fields: AccountFields, more: Learnt): AccountFields {
  return Object.entries(more).reduce<AccountFields>(
    (all, [name, value]) => (value === undefined ? all : withFieldAt(all, `${place}.${name}`, value as Json)),
    fields,
  );
}

/** The same for two files of one account. */
export function accountIdentity(fields: AccountFields): string | undefined {
  const email = emailOf(fields) ?? emailIn(textOf(fields, "id_token"));
  if (email !== undefined) return email.toLowerCase();
  // Google gives a refresh token once, at the login.
  const token = textOf(fields, "refresh_token");
  return token === undefined ? undefined : createHash("sha256").update(token).digest("hex").slice(0, 32);
}

/** The variables of an account in the environment, as exports for hosts without a disk have always written them. */
export const accountVariables: readonly AccountVariable[] = [
  { suffix: "_ACCESS_TOKEN", field: "access_token", required: true },
  { suffix: "_REFRESH_TOKEN", field: "refresh_token", required: true },
  { suffix: "_EXPIRY_DATE", field: "expiry_date", number: true },
  { suffix: "_SCOPE", field: "scope" },
  { suffix: "_TOKEN_TYPE", field: "token_type" },
  { suffix: "_ID_TOKEN", field: "id_token" },
  { suffix: "_CLIENT_ID", field: "client_id" },
  { suffix: "_CLIENT_SECRET", field: "client_secret" },
  { suffix: "_TOKEN_URI", field: "token_uri" },
  { suffix: "_UNIVERSE_DOMAIN", field: "universe_domain" },
  { suffix: "_EMAIL", field: `${place}.email` },
  { suffix: "_PROJECT_ID", field: `${place}.project_id` },
  { suffix: "_TIER", field: `${place}.tier` },
  { suffix: "_TIER_FULL", field: `${place}.tier_full` },
];

/** The e-mail address in an identity token, whose signature is not checked: nothing is granted because of it. */
export function emailIn(idToken: string | undefined): string | undefined {
  const payload = idToken?.split(".")[1] ?? "";
  const email = parseObject(Buffer.from(payload, "base64url").toString())?.["email"];
  return typeof email === "string" && email !== "" ? email : undefined;
}
