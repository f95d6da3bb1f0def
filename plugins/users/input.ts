/** What administrators send: every field checked, by the names that answers have. Throws a `ProxyError` of status 400. */
import { type Json, type JsonObject, ProxyError } from "waygate";
import { type Group, type PersonLimits, type QuotaInput, quotaUnits, type User, userKinds } from "./people.ts";
import { periodFault } from "./periods.ts";

/** Fields that may be edited; those that are absent stay. `undefined` takes a field's value away. */
export type UserEdit = Partial<
  Pick<
    User,
    "kind" | "name" | "note" | "group" | "models" | "credentials" | "limits" | "maxIps" | "banOverIps" | "expiresAt"
  >
>;
export type GroupEdit = Partial<Pick<Group, "name" | "note" | "models" | "credentials" | "limits">>;

type Reader<T> = (value: Json, field: string) => T;

const NAME = 80;
const NOTE = 2000;
const LIST = 200;
const QUOTAS = 100;

const userFields: { readonly [Field in keyof Required<UserEdit>]: readonly [string, Reader<unknown>] } = {
  kind: ["kind", oneOf(userKinds)],
  name: ["name", text(NAME)],
  note: ["note", text(NOTE)],
  group: ["group", orNone(identifier)],
  models: ["models", orNone(texts)],
  credentials: ["credentials", orNone(texts)],
  limits: ["limits", orNone(limits)],
  maxIps: ["max_ips", orNone(whole(1, 10_000))],
  banOverIps: ["ban_over_ips", flag],
  expiresAt: ["expires_at", orNone(time)],
};
const groupFields = {
  name: userFields.name,
  note: userFields.note,
  models: userFields.models,
  credentials: userFields.credentials,
  limits: userFields.limits,
};

/** Fields beside these, read by the routes themselves. */
const beside = ["id", "quotas", "version", "token", "token_hash", "disabled_reason", "lifetime"];

export function readUser(body: JsonObject): UserEdit {
  return fieldsOf(body, userFields) as UserEdit;
}

export function readGroup(body: JsonObject): GroupEdit {
  return fieldsOf(body, groupFields) as GroupEdit;
}

function fieldsOf(
  body: JsonObject,
  fields: { readonly [field: string]: readonly [string, Reader<unknown>] },
): { readonly [field: string]: unknown } {
  const known = [...Object.values(fields).map(([name]) => name), ...beside];
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid(unknown, `There is no field ${JSON.stringify(unknown.slice(0, 50))}. There are ${known.join(", ")}.`);
  const found: { [field: string]: unknown } = {};
  for (const [field, [name, reader]] of Object.entries(fields)) {
    const value = body[name];
    if (value !== undefined) found[field] = reader(value, name);
  }
  return found;
}

/** `undefined` when the body names none. */
export function readQuotas(body: JsonObject): readonly Required<QuotaInput>[] | undefined {
  const { quotas } = body;
  if (quotas === undefined) return undefined;
  if (!Array.isArray(quotas) || quotas.length > QUOTAS)
    throw invalid("quotas", `"quotas" is a list of at most ${QUOTAS}.`);
  const read = (quotas as readonly Json[]).map((each, index) => readQuota(each, `quotas[${index}]`));
  const names = new Set(read.map(({ family, unit, period }) => `${family}\0${unit}\0${period}`));
  if (names.size < read.length) throw invalid("quotas", "Two quotas have the same family, unit and period.");
  return read;
}

export function readQuota(value: unknown, place: string): Required<QuotaInput> {
  if (!isObject(value))
    throw invalid(place, `"${place}" is an object like { "unit": "tokens", "period": "daily", "amount": 100000 }.`);
  const { family = "*", unit, period, amount } = value;
  if (typeof period !== "string") throw invalid(`${place}.period`, `"${place}.period" is a text.`);
  const fault = periodFault(period);
  if (fault !== undefined)
    throw invalid(`${place}.period`, `"${place}.period" cannot be ${JSON.stringify(period.slice(0, 50))}: ${fault}.`);
  if (typeof amount !== "number" || !(amount > 0 && amount <= 1e15)) {
    throw invalid(
      `${place}.amount`,
      `"${place}.amount" is a number above 0. To forbid a model, leave it out of "models".`,
    );
  }
  return {
    family: text(NOTE)(family, `${place}.family`) || "*",
    unit: oneOf(quotaUnits)(unit ?? null, `${place}.unit`),
    period,
    amount,
  };
}

/** Of users and groups that bring their own. */
export function identifier(value: Json, field: string): string {
  if (typeof value === "string" && /^[\w.@-]{1,64}$/.test(value)) return value;
  throw invalid(field, `"${field}" is made of letters, digits, ".", "_", "@" and "-", at most 64.`);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function invalid(param: string, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", param, message });
}

function text(most: number): Reader<string> {
  return (value, field) => {
    if (typeof value !== "string") throw invalid(field, `"${field}" is a text.`);
    const clean = value.normalize("NFC").trim();
    // Databases and terminals take control characters for something else; half a surrogate is no text at all.
    if (/(?!\n)\p{Cc}/u.test(clean) || !clean.isWellFormed())
      throw invalid(field, `"${field}" holds control characters.`);
    if (clean.length > most) throw invalid(field, `"${field}" has at most ${most} characters.`);
    return clean;
  };
}

function texts(value: Json, field: string): readonly string[] {
  const isList = Array.isArray(value) && value.length <= LIST;
  if (!isList) throw invalid(field, `"${field}" is a list of at most ${LIST} globs, or null for all.`);
  return (value as readonly Json[]).map((each, index) => text(NOTE)(each, `${field}[${index}]`));
}

export function oneOf<const T extends string>(values: readonly T[]): Reader<T> {
  return (value, field) => {
    const found = values.find((each) => each === value);
    if (found === undefined) throw invalid(field, `"${field}" is one of ${values.join(", ")}.`);
    return found;
  };
}

function whole(least: number, most: number): Reader<number> {
  return (value, field) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw invalid(field, `"${field}" is a whole number from ${least} to ${most}.`);
  };
}

function flag(value: Json, field: string): boolean {
  if (typeof value !== "boolean") throw invalid(field, `"${field}" is true or false.`);
  return value;
}

/** ISO 8601, or epoch milliseconds. */
function time(value: Json, field: string): number {
  const found = typeof value === "number" ? value : typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isSafeInteger(found) && found >= 0) return found;
  throw invalid(field, `"${field}" is a time like 2026-12-31T00:00:00Z.`);
}

function orNone<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, field) => (value === null ? undefined : reader(value, field));
}

const limitNames = ["rpm", "rpd", "tpm", "tpd", "concurrency"] as const;

function limits(value: Json, field: string): PersonLimits | undefined {
  if (!isObject(value)) throw invalid(field, `"${field}" is an object like { "rpm": 60, "concurrency": 2 }.`);
  const found: { -readonly [Name in keyof PersonLimits]: PersonLimits[Name] } = {};
  for (const [name, limit] of Object.entries(value)) {
    const known = limitNames.find((each) => each === name);
    if (known === undefined) throw invalid(`${field}.${name}`, `"${field}" knows ${limitNames.join(", ")}.`);
    if (limit !== null) found[known] = whole(0, 1e12)(limit as Json, `${field}.${name}`);
  }
  return Object.keys(found).length === 0 ? undefined : found;
}
