/** All users and groups as one JSON document, and back; also documents of oai-reverse-proxy, as far as they say the same. */
import type { DatabaseChange, Json, JsonObject } from "waygate";
import type { Directory } from "./directory.ts";
import { identifier, invalid, isObject, readGroup, readQuotas, readUser } from "./input.ts";
import { type Group, ownerOf, type Quota, type User } from "./people.ts";
import { groupRow, userRow } from "./rows.ts";
import type { PeopleStatements } from "./statements.ts";
import { hashOf, hintOf, newId } from "./tokens.ts";

/** Hashes are in it: whoever has it cannot call, but can tell whether a token is one of these. */
export function exportPeople(directory: Directory): JsonObject {
  const quotas = (owner: string): Json =>
    directory.quotas(owner).map(({ family, unit, period, amount }) => ({ family, unit, period, amount }));
  const users = byAge(directory.users()).map((user) => ({
    ...defined({
      ...{ id: user.id, kind: user.kind, name: user.name, note: user.note, group: user.group, models: user.models },
      ...{ credentials: user.credentials, limits: user.limits, max_ips: user.maxIps, ban_over_ips: user.banOverIps },
      ...{ expires_at: user.expiresAt, disabled_at: user.disabledAt, disabled_reason: user.disabledReason },
      ...{ created_at: user.createdAt, token_hash: user.tokenHash, token_hint: user.tokenHint },
    }),
    quotas: quotas(ownerOf("user", user.id)),
  }));
  const groups = byAge(directory.groups()).map((group) => ({
    ...defined({
      ...{ id: group.id, name: group.name, note: group.note, models: group.models },
      ...{ credentials: group.credentials, limits: group.limits, created_at: group.createdAt },
    }),
    quotas: quotas(ownerOf("group", group.id)),
  }));
  return { users, groups } as unknown as JsonObject;
}

/** The order in which they are kept is that of their coming here. */
function byAge<T extends { readonly createdAt: number; readonly id: string }>(all: Iterable<T>): T[] {
  return [...all].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

export interface Importing {
  readonly changes: readonly DatabaseChange[];
  readonly users: number;
  readonly groups: number;
  /** There already, by id or by token. */
  readonly skipped: number;
}

/** Throws for the first entry that cannot be read; then nothing is imported. */
export function readImport(
  body: JsonObject,
  { directory, statements }: { readonly directory: Directory; readonly statements: PeopleStatements },
  now: number,
): Importing {
  const changes: DatabaseChange[] = [];
  let skipped = 0;
  const [users, groups] = [listOf(body, "users"), listOf(body, "groups")];
  const tokens = new Set<string>();
  const ids = new Set<string>();
  const groupIds = new Set<string>();
  const add = (owner: string, quotas: ReturnType<typeof readQuotas>): void => {
    const own: Quota[] = (quotas ?? []).map((quota) => ({ ...quota, owner }));
    changes.push(...statements.quotasReplaced(owner, own));
  };
  for (const [index, entry] of groups.entries()) {
    const { created_at: created, ...rest } = objectOf(entry, `groups[${index}]`);
    const id = rest["id"] === undefined ? newId() : identifier(rest["id"]!, "id");
    if (directory.group(id) || groupIds.has(id)) {
      skipped++;
      continue;
    }
    groupIds.add(id);
    const { name = id, note = "", models, credentials, limits } = readGroup(rest);
    const group: Group = { id, name, note, models, credentials, limits, createdAt: timeOf(created) ?? now, version: 1 };
    changes.push(statements.insertGroup.with(groupRow(group)));
    add(ownerOf("group", id), readQuotas(rest));
  }
  for (const [index, entry] of users.entries()) {
    const place = `users[${index}]`;
    const known = fromSeed(objectOf(entry, place));
    const { created_at: created, disabled_at: disabled, token_hint: hint, ...rest } = known;
    const user = userFrom(rest, place, now);
    const { group } = user;
    if (group !== undefined && !directory.group(group) && !groupIds.has(group)) {
      throw invalid(`${place}.group`, `There is no group ${group}.`);
    }
    if (directory.user(user.id) || directory.find(user.tokenHash) || tokens.has(user.tokenHash) || ids.has(user.id)) {
      skipped++;
      continue;
    }
    tokens.add(user.tokenHash);
    ids.add(user.id);
    const whole: User = {
      ...user,
      createdAt: timeOf(created) ?? now,
      disabledAt: timeOf(disabled),
      tokenHint: typeof hint === "string" ? hint.slice(0, 8) : user.tokenHint,
    };
    changes.push(statements.insertUser.with(userRow(whole)));
    add(ownerOf("user", whole.id), readQuotas(rest));
  }
  return { changes, users: ids.size, groups: groupIds.size, skipped };
}

function userFrom(body: JsonObject, place: string, now: number): User {
  const { token, token_hash: hash, disabled_reason: reason } = body;
  if (typeof token !== "string" && !(typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash))) {
    throw invalid(place, `"${place}" has neither a token nor a token_hash.`);
  }
  if (typeof token === "string" && (token.length < 16 || token.length > 512 || /\s/.test(token))) {
    throw invalid(`${place}.token`, `"${place}.token" has 16 to 512 characters and no spaces.`);
  }
  const edit = readUser(body);
  return {
    id: body["id"] === undefined ? newId() : identifier(body["id"], `${place}.id`),
    kind: edit.kind ?? "normal",
    name: edit.name ?? "",
    note: edit.note ?? "",
    tokenHash: typeof token === "string" ? hashOf(token) : (hash as string),
    tokenHint: typeof token === "string" ? hintOf(token) : "",
    group: edit.group,
    models: edit.models,
    credentials: edit.credentials,
    limits: edit.limits,
    maxIps: edit.maxIps,
    banOverIps: edit.banOverIps ?? false,
    createdAt: now,
    lastUsedAt: undefined,
    expiresAt: edit.expiresAt,
    disabledAt: undefined,
    disabledReason: typeof reason === "string" ? reason.slice(0, 200) : undefined,
    version: 1,
  };
}

/** Users of oai-reverse-proxy go by their token; its counts and limits are of other families, and stay behind. */
function fromSeed(user: JsonObject): JsonObject {
  if (typeof user["token"] !== "string" || user["type"] === undefined) return user;
  const { token, nickname, type, adminNote, maxIps, expiresAt, disabledAt, disabledReason, createdAt } = user;
  return defined({
    ...{ token, name: nickname ?? "", kind: type, note: adminNote ?? "", max_ips: maxIps || undefined },
    ...{ expires_at: expiresAt ?? undefined, disabled_at: disabledAt ?? undefined },
    ...{ disabled_reason: disabledReason ?? undefined, created_at: createdAt ?? undefined },
  }) as JsonObject;
}

function listOf(body: JsonObject, name: string): readonly Json[] {
  const list = body[name] ?? [];
  if (!Array.isArray(list)) throw invalid(name, `"${name}" is a list.`);
  return list as readonly Json[];
}

function objectOf(value: Json, place: string): JsonObject {
  if (isObject(value)) return value;
  throw invalid(place, `"${place}" is an object.`);
}

function timeOf(value: Json | undefined): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : value;
  return typeof time === "number" && Number.isSafeInteger(time) && time >= 0 ? time : undefined;
}

function defined(object: { readonly [name: string]: unknown }): { readonly [name: string]: unknown } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
