/** The admin API of users: `/api/users`. */
import type { H3Event } from "h3";
import { type Json, type JsonObject, type Plugin, ProxyError, routeCaller } from "waygate";
import { identifier, invalid, isObject, readQuotas, readUser } from "./input.ts";
import { type User, userKinds } from "./people.ts";
import type { Running } from "./running.ts";
import { exportPeople, readImport } from "./transfer.ts";
import { hashOf, hintOf, newId, newToken } from "./tokens.ts";
import { pageOfUsers, userDocumentOf } from "./views.ts";

type Routes = NonNullable<Plugin["routes"]>;

/** Statements in one transaction of an import. */
const BATCH = 2000;

export function userRoutes(running: () => Running): Routes {
  const subjectOf = (id: string): string => `user:${id}`;
  return {
    "GET /api/users": async (event) => pageOfUsers(running(), event.url.searchParams),
    "POST /api/users": async (event) => {
      const run = running();
      const body = await bodyOf(event);
      const { actor } = callOf(event);
      const edit = { ...run.defaultsOf(kindOf(body)), ...readUser(body) };
      needGroup(run, edit.group);
      const token = tokenOf(body);
      const now = run.app.runtime.clock.now();
      const user: User = {
        id: body["id"] === undefined ? newId() : identifier(body["id"], "id"),
        kind: edit.kind ?? "normal",
        name: edit.name ?? "",
        note: edit.note ?? "",
        tokenHash: hashOf(token),
        tokenHint: hintOf(token),
        group: edit.group,
        models: edit.models,
        credentials: edit.credentials,
        limits: edit.limits,
        maxIps: edit.maxIps,
        banOverIps: edit.banOverIps ?? false,
        createdAt: now,
        lastUsedAt: undefined,
        expiresAt: edit.expiresAt ?? (edit.kind === "temporary" ? now + lifetimeOf(body, run.lifetime) : undefined),
        disabledAt: undefined,
        disabledReason: undefined,
        version: 1,
      };
      const quotas = readQuotas(body) ?? run.quotasOf(user.kind);
      const detail = { name: user.name, kind: user.kind };
      await run.people.addUser(user, quotas, { actor, action: "user.add", subject: subjectOf(user.id), detail });
      return reply(201, { ...(await userDocumentOf(run, user)), token });
    },
    "GET /api/users/export": () => exportPeople(running().directory),
    "POST /api/users/import": async (event) => {
      const run = running();
      const found = readImport(await bodyOf(event), run, run.app.runtime.clock.now());
      const { users, groups, skipped, changes } = found;
      const detail = { users, groups };
      for (let at = 0; at < changes.length; at += BATCH) {
        await run.save(changes.slice(at, at + BATCH), {
          ...callOf(event),
          action: "import",
          subject: "people",
          detail,
        });
      }
      await run.people.reload();
      return { users, groups, skipped };
    },
    "POST /api/users/refresh": async (event) => {
      const run = running();
      const { kind, group } = await bodyOf(event);
      const owners = [...run.directory.users()]
        .filter((user) => user.kind !== "temporary" || kind === "temporary")
        .filter((user) => (kind === undefined || user.kind === kind) && (group === undefined || user.group === group))
        .map(({ id }) => subjectOf(id));
      return { refreshed: await run.people.refresh(owners, callOf(event).actor) };
    },
    "POST /api/users/purge": async (event) => ({ purged: await running().follower.purge(callOf(event).actor) }),
    "GET /api/users/:id": async (event) => {
      const run = running();
      const user = run.directory.user(idOf(event));
      if (user === undefined) throw notThere("user", idOf(event));
      return reply(200, await userDocumentOf(run, user), user.version);
    },
    "PATCH /api/users/:id": async (event) => {
      const run = running();
      const body = await bodyOf(event);
      const { actor } = callOf(event);
      const edit = readUser(body);
      needGroup(run, edit.group);
      const act = {
        actor,
        action: "user.edit",
        subject: subjectOf(idOf(event)),
        detail: { fields: Object.keys(body) },
      };
      const user = await run.people.editUser(idOf(event), edit, readQuotas(body), act, versionOf(event, body));
      return reply(200, await userDocumentOf(run, user), user.version);
    },
    "DELETE /api/users/:id": async (event) => {
      await running().people.remove("user", idOf(event), callOf(event).actor);
      return { removed: idOf(event) };
    },
    "POST /api/users/:id/:act": async (event) => {
      const run = running();
      const { actor } = callOf(event);
      const id = idOf(event);
      const act = event.context.params?.["act"] ?? "";
      if (act === "rotate") {
        const { user, token } = await run.people.rotate(id, actor);
        return { ...(await userDocumentOf(run, user)), token };
      }
      if (act === "refresh") {
        if (run.directory.user(id) === undefined) throw notThere("user", id);
        return { refreshed: await run.people.refresh([subjectOf(id)], actor) };
      }
      if (act !== "disable" && act !== "enable") throw notThere("act", act);
      const { reason } = await bodyOf(event);
      const change =
        act === "enable"
          ? { disabledAt: undefined, disabledReason: undefined }
          : { disabledAt: run.app.runtime.clock.now(), disabledReason: reasonOf(reason) };
      const detail = { ...(typeof reason === "string" && { reason: reason.slice(0, 200) }) };
      const done = { actor, action: `user.${act}`, subject: subjectOf(id), detail };
      // Whoever was banned for its addresses begins with none.
      if (act === "enable") await run.forgetAddresses(id);
      return userDocumentOf(run, await run.people.editUser(id, change, undefined, done));
    },
  };
}

export function idOf({ context }: H3Event): string {
  const id = context.params?.["id"] ?? "";
  try {
    return decodeURIComponent(id);
  } catch {
    return id; // No valid encoding: nobody is called that either.
  }
}

export function callOf(event: H3Event): { readonly actor: string } {
  const { principal } = routeCaller(event);
  return { actor: principal?.label ?? principal?.id ?? "nobody" };
}

/** An empty body says nothing. */
export async function bodyOf(event: H3Event): Promise<JsonObject> {
  const text = await event.req.text();
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProxyError({ kind: "invalid_request", code: "invalid_json", message: "The body is not valid JSON." });
  }
  if (!isObject(value)) throw invalid("body", "The body must be a JSON object.");
  return value;
}

/** Of the `if-match` header, or the body's own field. */
export function versionOf(event: H3Event, { version }: JsonObject): number | undefined {
  const header = event.req.headers.get("if-match");
  const text = header === null || header === "*" ? version : Number(header.replace(/^(?:W\/)?"|"$/g, ""));
  if (text === undefined) return undefined;
  if (typeof text === "number" && Number.isInteger(text)) return text;
  throw invalid("version", `"version" is the number that the last answer had.`);
}

export function reply(status: number, document: object, version?: number): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return new Response(JSON.stringify(document), {
    status,
    headers: { ...headers, ...(version !== undefined && { etag: `"${version}"` }) },
  });
}

export function notThere(kind: string, id: string): ProxyError {
  return new ProxyError({
    kind: "not_found",
    status: 404,
    code: "not_found",
    message: `There is no ${kind} ${id.slice(0, 100)}.`,
  });
}

function kindOf({ kind = "normal" }: JsonObject): User["kind"] {
  return userKinds.find((each) => each === kind) ?? "normal";
}

/** Somebody's own token of another proxy may go on. */
function tokenOf({ token }: JsonObject): string {
  if (token === undefined) return newToken();
  if (typeof token === "string" && /^\S{16,512}$/.test(token)) return token;
  throw invalid("token", `"token" has 16 to 512 characters and no spaces. Leave it out for a new one.`);
}

function lifetimeOf({ lifetime }: JsonObject, usual: number): number {
  if (lifetime === undefined) return usual;
  if (typeof lifetime === "number" && lifetime > 0 && lifetime <= 3650 * 86_400_000) return lifetime;
  throw invalid("lifetime", `"lifetime" is a number of milliseconds.`);
}

function reasonOf(reason: Json | undefined): string | undefined {
  return typeof reason === "string" && reason.trim() !== "" ? reason.trim().slice(0, 200) : undefined;
}

function needGroup({ directory }: Running, group: string | undefined): void {
  if (group !== undefined && directory.group(group) === undefined)
    throw invalid("group", `There is no group ${group}.`);
}
