/** `proxy users`: people who have tokens, in the running server or, when none runs, in the database. */
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { GroupDocument, UserDocument, UserPage } from "./users-documents.ts";
import { nearest } from "../config/nearest.ts";
import { type Call, textOf, type Values } from "./commands.ts";
import { mustBeGiven, promptsAt } from "./credentials-prompts.ts";
import { count, plain } from "./layout.ts";
import { fieldsOf, quotaFlags, withQuotas, wrong } from "./users-flags.ts";
import { openUsers, problem } from "./users-api.ts";
import { type Asked, type Person, personAsked } from "./users-person.ts";
import { detailLines, groupsTable, usersTable } from "./users-table.ts";

interface Asking extends Call, Asked {}

type Act = (asking: Asking) => Promise<number>;

/** Users shown at once unless more are asked for. */
const PAGE = 50;

export async function users(call: Call): Promise<number> {
  const [first = "list", ...rest] = call.operands;
  const isGroups = first === "groups";
  const word = isGroups ? (rest[0] ?? "list") : first;
  const words = isGroups ? rest.slice(1) : rest;
  const acts = isGroups ? groupActs : userActs;
  if (!Object.hasOwn(acts, word)) throw unknownAct(word, isGroups, Object.keys(acts));
  const place = { cwd: call.terminal.cwd, file: textOf(call.values, "config") };
  const api = await openUsers(place);
  try {
    return await acts[word]!({ ...call, api, words, of: isGroups ? "groups" : "users" });
  } finally {
    await api.close();
  }
}

const shared: { readonly [act: string]: Act } = {
  async show(asking) {
    const found = await personAsked(asking);
    return say(asking, found, () => detailLines(found, asking.terminal.out));
  },
  async edit(asking) {
    const found = await personAsked(asking);
    const fields = fieldsOf(asking.values);
    const quotas = quotasIn(asking.values);
    const body = { ...fields, ...(quotas.length > 0 && { quotas: withQuotas(found.quotas, quotas) }) };
    if (Object.keys(body).length === 0)
      throw wrong("Nothing is to be edited", "No flag says what.", "proxy users --help");
    return edited(asking, found, body);
  },
  async quota(asking) {
    const found = await personAsked(asking);
    const changes = quotaFlags(asking.words.slice(1));
    if (changes.length === 0)
      return say(asking, found.quotas, () =>
        detailLines(found, asking.terminal.out).slice(-found.quotas.length || Infinity),
      );
    return edited(asking, found, { quotas: withQuotas(found.quotas, changes) });
  },
  async refresh(asking) {
    const { api, of, words, terminal } = asking;
    const path = words.length === 0 && of === "users" ? "refresh" : `${(await personAsked(asking)).id}/refresh`;
    const done = await api.ask<{ refreshed: number }>(`POST /api/${of}/${path}`, {});
    return say(asking, done, () => (terminal.err.line(`${count(done.refreshed, "quota")} began anew.`), []));
  },
  async remove(asking) {
    const { api, of, terminal, values } = asking;
    const found = await personAsked(asking);
    const name = plain(found.name || found.id);
    if (values["yes"] !== true) {
      const prompts = promptsAt(terminal, values);
      if (prompts === undefined)
        throw mustBeGiven(`Removing ${name} is to be confirmed`, `proxy users remove ${found.id} --yes`);
      if (!(await prompts.confirm(`Remove ${name}? The ledger keeps what was used.`))) return 1;
    }
    const done = await api.ask<object>(`DELETE /api/${of}/${found.id}`);
    return say(asking, done, () => [`Removed ${name}.`]);
  },
};

const userActs: { readonly [act: string]: Act } = {
  ...shared,
  async list(asking) {
    const { api, values, terminal } = asking;
    const query = new URLSearchParams({ limit: textOf(values, "limit") ?? String(PAGE) });
    for (const name of ["search", "kind", "group", "state", "offset"]) {
      const value = textOf(values, name);
      if (value !== undefined) query.set(name, value);
    }
    const page = await api.ask<UserPage>(`GET /api/users?${query}`);
    const code = say(asking, page, () => usersTable(page.users, terminal.out));
    if (values["json"] === true) return code;
    if (page.total === 0) terminal.err.line("Nobody fits. A user is made with: proxy users add NAME");
    else if (page.users.length < page.total) {
      terminal.err.line(`${page.users.length} of ${page.total}. More with --limit and --offset, fewer with --search.`);
    }
    return code;
  },
  async add(asking) {
    const [name] = asking.words;
    const quotas = quotasIn(asking.values);
    const fields = { ...(name !== undefined && { name }), ...fieldsOf(asking.values) };
    const body = { ...fields, ...(quotas.length > 0 && { quotas: withQuotas([], quotas) }) };
    return withToken(asking, await asking.api.ask<WithToken>("POST /api/users", body), "Made");
  },
  disable: (asking) => turned(asking, "disable", { reason: textOf(asking.values, "reason") }),
  enable: (asking) => turned(asking, "enable", {}),
  async rotate(asking) {
    const { id } = await personAsked(asking);
    return withToken(asking, await asking.api.ask<WithToken>(`POST /api/users/${id}/rotate`, {}), "Rotated");
  },
  async purge(asking) {
    const done = await asking.api.ask<{ purged: number }>("POST /api/users/purge", {});
    return say(asking, done, () => [`Removed ${count(done.purged, "user")}.`]);
  },
  async export(asking) {
    const { api, words, terminal } = asking;
    const text = JSON.stringify(await api.ask<object>("GET /api/users/export"), undefined, 2);
    const [file = "-"] = words;
    if (file === "-") terminal.out.line(text);
    else await writeFile(resolve(terminal.cwd, file), `${text}\n`, { mode: 0o600, flag: "wx" }).catch(unwritten(file));
    return 0;
  },
  async import(asking) {
    const { api, words, terminal } = asking;
    const [file] = words;
    if (file === undefined)
      throw wrong("proxy users import needs a FILE", "None was given.", "proxy users import users.json");
    const text = await readFile(resolve(terminal.cwd, file), "utf8").catch(unwritten(file));
    let body: unknown;
    try {
      body = JSON.parse(text ?? "");
    } catch {
      throw problem(`${plain(file)} is not valid JSON`, "An export of users is one JSON object.", "proxy users export");
    }
    const done = await api.ask<{ users: number; groups: number; skipped: number }>(
      "POST /api/users/import",
      body as object,
    );
    const { users: made, groups, skipped } = done;
    return say(asking, done, () => [
      `Imported ${count(made, "user")} and ${count(groups, "group")}${skipped === 0 ? "" : `; ${skipped} were there already`}.`,
    ]);
  },
};

const groupActs: { readonly [act: string]: Act } = {
  ...shared,
  async list(asking) {
    const found = await asking.api.ask<{ groups: readonly GroupDocument[] }>("GET /api/groups");
    return say(asking, found, () => groupsTable(found.groups, asking.terminal.out));
  },
  async add(asking) {
    const [id] = asking.words;
    const quotas = quotasIn(asking.values);
    const body = { ...(id !== undefined && { id }), ...fieldsOf(asking.values), quotas: withQuotas([], quotas) };
    const made = await asking.api.ask<GroupDocument>("POST /api/groups", body);
    return say(asking, made, () => [`Made ${plain(made.name)}  ${made.id}`]);
  },
};

type WithToken = UserDocument & { readonly token: string };

/** The token alone is on stdout, for a pipe; nobody can print it again. */
function withToken(asking: Asking, made: WithToken, verb: string): number {
  const { out, err } = asking.terminal;
  return say(asking, made, () => {
    err.line(`${verb} ${plain(made.name || made.id)}  ${made.id}  ${made.kind}. Its token is shown this once:`);
    out.line(made.token);
    return [];
  });
}

async function turned(asking: Asking, act: string, body: object): Promise<number> {
  const { id } = await personAsked(asking);
  const user = await asking.api.ask<UserDocument>(`POST /api/users/${id}/${act}`, body);
  return say(asking, user, () => usersTable([user], asking.terminal.out));
}

/** Of the version that was read: two who edit do not undo each other. */
async function edited(asking: Asking, before: Person, body: object): Promise<number> {
  const { api, of, terminal } = asking;
  const after = await api.ask<Person>(`PATCH /api/${of}/${before.id}`, { ...body, version: before.version });
  return say(asking, after, () => detailLines(after, terminal.out));
}

function say({ api, terminal, values }: Asking, document: object, lines: () => readonly string[]): number {
  if (values["json"] === true) {
    const shown = Array.isArray(document) ? { quotas: document } : document;
    terminal.out.line(JSON.stringify({ server: api.server ?? null, ...shown }, undefined, 2));
  } else for (const line of lines()) terminal.out.line(line);
  return 0;
}

function quotasIn(values: Values): ReturnType<typeof quotaFlags> {
  const given = values["quota"];
  return quotaFlags(Array.isArray(given) ? given.map(String) : []);
}

function unwritten(file: string): (error: unknown) => never {
  return (error) => {
    const why = error instanceof Error ? error.message : String(error);
    throw problem(`${plain(file)} cannot be used`, `${why}.`, "Name another file.");
  };
}

function unknownAct(word: string, isGroups: boolean, all: readonly string[]): Error {
  const prefix = isGroups ? "proxy users groups" : "proxy users";
  const known = isGroups ? all : [...all, "groups"];
  const what = `${prefix} cannot ${JSON.stringify(plain(word))}`;
  return wrong(what, `It can ${known.join(", ")}.`, `${prefix} ${nearest(word, known) ?? "list"}`);
}
