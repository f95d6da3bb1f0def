/** Edits of people: in the database first, then in memory at once. Other workers follow the audit. */
import { type App, type DatabaseChange, ProxyError } from "waygate";
import type { Addresses } from "./addresses.ts";
import { overIps } from "./auth.ts";
import type { Directory } from "./directory.ts";
import type { GroupEdit, UserEdit } from "./input.ts";
import { type Group, ownerOf, type Quota, type QuotaInput, type User } from "./people.ts";
import { groupRow, userRow } from "./rows.ts";
import type { PeopleStatements } from "./statements.ts";
import type { Act, Known, PeopleStore } from "./store.ts";
import { hashOf, hintOf, newToken } from "./tokens.ts";
import type { UseBook } from "./use-book.ts";

export interface PeopleParts {
  readonly app: App;
  readonly store: PeopleStore;
  readonly statements: PeopleStatements;
  readonly directory: Directory;
  readonly book: UseBook;
  readonly addresses: Addresses;
}

type Quotas = readonly Required<QuotaInput>[] | undefined;

export interface UserChange
  extends Partial<UserEdit>, Partial<Pick<User, "tokenHash" | "tokenHint" | "disabledAt" | "disabledReason">> {}

export interface People {
  addUser(user: User, quotas: Quotas, act: Act): Promise<User>;
  /** `version`: only if it still is that one. */
  editUser(id: string, change: UserChange, quotas: Quotas, act: Act, version?: number): Promise<User>;
  rotate(id: string, actor: string): Promise<{ readonly user: User; readonly token: string }>;
  addGroup(group: Group, quotas: Quotas, act: Act): Promise<Group>;
  editGroup(id: string, change: GroupEdit, quotas: Quotas, act: Act, version?: number): Promise<Group>;
  remove(kind: "user" | "group", id: string, actor: string): Promise<void>;
  /** Quotas of these owners begin anew. Returns how many did. */
  refresh(owners: readonly string[], actor: string): Promise<number>;
  ban(user: User): void;
  /** Takes over what the database says of these; of all without a list. */
  reload(subjects?: readonly string[]): Promise<void>;
}

export function createPeople({ app, store, statements, directory, book, addresses }: PeopleParts): People {
  const { quotasReplaced } = statements;
  const now = (): number => app.runtime.clock.now();

  const accept = (known: Known, subjects: readonly string[]): void => {
    for (const subject of subjects) {
      const [kind, id] = [subject.slice(0, subject.indexOf(":")), subject.slice(subject.indexOf(":") + 1)];
      const user = kind === "user" ? known.users.find((each) => each.id === id) : undefined;
      const group = kind === "group" ? known.groups.find((each) => each.id === id) : undefined;
      if (user) {
        directory.putUser(user);
        // Another worker may have let it begin anew.
        addresses.forget(id);
      }
      if (group) directory.putGroup(group);
      if (user === undefined && group === undefined) {
        directory.remove(kind as "user" | "group", id);
        book.forget(subject);
        if (kind === "user") addresses.forget(id);
        continue;
      }
      directory.putQuotas(
        subject,
        known.quotas.filter(({ owner }) => owner === subject),
      );
    }
    for (const use of known.uses) book.put(use);
    addresses.add(known.addresses);
  };
  const reload = async (subjects?: readonly string[]): Promise<void> => {
    const known = await store.load(subjects);
    if (subjects === undefined) {
      directory.fill(known);
      for (const use of known.uses) book.put(use);
      addresses.add(known.addresses);
    } else accept(known, subjects);
  };

  /** Once more on top of what another worker has made of it meanwhile, unless a version was asked for. */
  const edit = async <T extends { readonly id: string; readonly version: number }>(
    find: () => T | undefined,
    subject: string,
    write: (before: T) => Promise<T | undefined>,
    version: number | undefined,
  ): Promise<T> => {
    for (let tries = 0; tries < 3; tries++) {
      const before = find();
      if (before === undefined) throw unknown(subject);
      if (version !== undefined && before.version !== version) throw conflict(before.version, version);
      const after = await write(before);
      if (after !== undefined) return after;
      await reload([subject]);
    }
    throw conflict(find()?.version, version);
  };
  const save = async (changes: readonly DatabaseChange[], act: Act): Promise<boolean> =>
    store.change(changes, act).catch((error: unknown) => {
      throw unsaved(error);
    });
  const withOwner = (owner: string, quotas: NonNullable<Quotas>): Quota[] =>
    quotas.map((quota) => ({ ...quota, owner }));

  const people: People = {
    reload,
    async addUser(user, quotas = [], act) {
      const owner = ownerOf("user", user.id);
      const own = withOwner(owner, quotas);
      const added = { ...statements.insertUser.with(userRow(user)), expect: 1 };
      const changes = [added, ...quotasReplaced(owner, own)];
      if (directory.user(user.id) || directory.find(user.tokenHash) || !(await save(changes, act))) throw taken("user");
      directory.putUser(user);
      directory.putQuotas(owner, own);
      return user;
    },
    editUser: (id, change, quotas, act, version) =>
      edit(
        () => directory.user(id),
        ownerOf("user", id),
        async (before) => {
          const user = { ...before, ...change, version: before.version + 1 };
          const own = quotas && withOwner(act.subject, quotas);
          if (!(await save([statements.userUpdated(user), ...(own ? quotasReplaced(act.subject, own) : [])], act)))
            return undefined;
          directory.putUser(user);
          if (own) directory.putQuotas(act.subject, own);
          return user;
        },
        version,
      ),
    async rotate(id, actor) {
      const token = newToken();
      const change = { tokenHash: hashOf(token), tokenHint: hintOf(token) };
      const act = { actor, action: "user.rotate", subject: ownerOf("user", id) };
      return { user: await people.editUser(id, change, undefined, act), token };
    },
    async addGroup(group, quotas = [], act) {
      const owner = ownerOf("group", group.id);
      const own = withOwner(owner, quotas);
      const added = { ...statements.insertGroup.with(groupRow(group)), expect: 1 };
      const changes = [added, ...quotasReplaced(owner, own)];
      if (directory.group(group.id) || !(await save(changes, act))) throw taken("group");
      directory.putGroup(group);
      directory.putQuotas(owner, own);
      return group;
    },
    editGroup: (id, change, quotas, act, version) =>
      edit(
        () => directory.group(id),
        ownerOf("group", id),
        async (before) => {
          const group = { ...before, ...change, version: before.version + 1 };
          const own = quotas && withOwner(act.subject, quotas);
          if (!(await save([statements.groupUpdated(group), ...(own ? quotasReplaced(act.subject, own) : [])], act)))
            return undefined;
          directory.putGroup(group);
          if (own) directory.putQuotas(act.subject, own);
          return group;
        },
        version,
      ),
    async remove(kind, id, actor) {
      const subject = ownerOf(kind, id);
      const known = kind === "user" ? directory.user(id) : directory.group(id);
      if (known === undefined) throw unknown(subject);
      const detail = { name: known.name };
      // Somebody else has removed it: that is what was wanted.
      await save(statements.removed(kind, id), { actor, action: `${kind}.remove`, subject, detail });
      directory.remove(kind, id);
      book.forget(subject);
      if (kind === "user") addresses.forget(id);
    },
    async refresh(owners, actor) {
      const quotas = owners.flatMap((owner) => directory.quotas(owner));
      if (quotas.length === 0) return 0;
      const subject = owners.length === 1 ? owners[0]! : "people";
      const at = now();
      // What was used until now is not to be added to what begins.
      await app.database?.flush();
      await save(statements.quotasRefreshed(quotas, at), {
        actor,
        action: "quota.refresh",
        subject,
        detail: { owners: owners.length },
      });
      for (const { amount: _, ...quota } of quotas) book.put({ ...quota, began: at, used: 0 });
      return quotas.length;
    },
    ban(user) {
      const change = { disabledAt: now(), disabledReason: overIps };
      // At once, whatever the database can do now.
      directory.putUser({ ...user, ...change });
      const act = { actor: "users()", action: "user.ban", subject: ownerOf("user", user.id) };
      people.editUser(user.id, change, undefined, act).catch((error: unknown) => {
        app.log.error(`users: ${user.id} is banned until the next start only:`, error);
      });
    },
  };
  return people;
}

function unknown(subject: string): ProxyError {
  const [kind, id] = subject.split(":") as [string, string];
  return new ProxyError({
    kind: "not_found",
    status: 404,
    code: "not_found",
    message: `There is no ${kind} ${id.slice(0, 100)}.`,
  });
}

function taken(kind: string): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    status: 409,
    message: `A ${kind} with this id or token is there already.`,
  });
}

function conflict(is: number | undefined, asked: number | undefined): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    status: 409,
    message: `Somebody else has edited it: version ${is ?? "unknown"} is there${asked === undefined ? "" : `, and you edited version ${asked}`}. Read it again and repeat the edit.`,
  });
}

/** The words of the database may hold a value of the statement: its kind is enough. */
export function unsaved(error: unknown): unknown {
  const fault = (error as { readonly fault?: { readonly kind: string } }).fault;
  if (fault === undefined) return error;
  return new ProxyError({
    kind: "overloaded",
    scope: "request",
    status: 503,
    message: `Nothing was changed: the database cannot be written (${fault.kind}). What is known goes on; GET /health says when it is back.`,
    cause: error,
  });
}
