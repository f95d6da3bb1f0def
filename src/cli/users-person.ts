/** Whom a person means by a name. */
import type { GroupDocument, UserDocument, UserPage } from "./users-documents.ts";
import { nearest } from "../config/nearest.ts";
import { plain } from "./layout.ts";
import type { UsersApi } from "./users-api.ts";
import { wrong } from "./users-flags.ts";

export type Person = UserDocument | GroupDocument;

export interface Asked {
  readonly api: UsersApi;
  /** Behind the act. */
  readonly words: readonly string[];
  readonly of: "users" | "groups";
}

/** By id, or by a name that only one has. */
export async function personAsked({ api, words, of }: Asked): Promise<Person> {
  const [name] = words;
  const kind = of.slice(0, -1);
  if (name === undefined)
    throw wrong(`Which ${kind}?`, "None was given.", `proxy users ${of === "users" ? "" : "groups "}list`);
  const all: readonly Person[] =
    of === "groups"
      ? (await api.ask<{ groups: readonly GroupDocument[] }>("GET /api/groups")).groups
      : (await api.ask<UserPage>(`GET /api/users?limit=500&search=${encodeURIComponent(name)}`)).users;
  const exact = all.find(({ id }) => id === name);
  const found = exact ? [exact] : all.filter((each) => each.name === name);
  if (found.length === 1) return found[0]!;
  const shown = JSON.stringify(plain(name));
  if (found.length > 1) {
    throw wrong(
      `${shown} is the name of several ${of}`,
      `They are ${found.map(({ id }) => id).join(", ")}.`,
      "Name one by its id.",
    );
  }
  const near = nearest(
    name,
    all.flatMap(({ id, name: title }) => [id, title]),
  );
  throw wrong(
    `There is no ${kind} ${shown}`,
    `A ${kind} goes by its name or its id.`,
    near ? `Write ${JSON.stringify(plain(near))}.` : "proxy users list",
  );
}
