/** Keeps memory in step with the database: loads, follows what other workers edit, purges who has expired long ago. */
import type { App, Timer } from "waygate";
import type { Addresses } from "./addresses.ts";
import type { Directory } from "./directory.ts";
import type { People } from "./service.ts";
import type { PeopleStore } from "./store.ts";

export interface FollowInit {
  readonly app: App;
  readonly store: PeopleStore;
  readonly people: People;
  readonly directory: Directory;
  readonly addresses: Addresses;
  /** Milliseconds between two looks at what others have edited. */
  readonly every: number;
  /** Milliseconds that temporary users are kept behind their end. */
  readonly keep: number;
}

export interface Follower {
  readonly isLoaded: boolean;
  load(): Promise<void>;
  start(): void;
  /** One look now. */
  look(): Promise<void>;
  /** Removes temporary users whose time has been over for long. Returns how many. */
  purge(actor: string): Promise<number>;
  stop(): void;
}

/** Ids are given before a transaction ends, so one may turn up behind a later one. */
const OVERLAP = 100;
const PURGE = 60_000;

export function createFollower(init: FollowInit): Follower {
  const { app, store, people, directory, addresses, every, keep } = init;
  const { clock } = app.runtime;
  let isLoaded = false;
  let mark = 0;
  let since = 0;
  const heard = new Set<number>();
  let timer: Timer | undefined;
  let purgeAt = 0;
  let stopped = false;
  let wasAway = false;

  const load = async (): Promise<void> => {
    // The mark first: what is edited meanwhile is read twice, and not missed.
    const edit = await store.lastEdit();
    await people.reload();
    for (const { id } of await store.edits(edit - OVERLAP)) if (id <= edit) heard.add(id);
    mark = edit;
    since = clock.now();
    isLoaded = true;
  };
  const look = async (): Promise<void> => {
    if (!isLoaded) return load();
    const edits = await store.edits(mark - OVERLAP);
    const fresh = edits.filter(({ id }) => !heard.has(id));
    const subjects = new Set(fresh.map(({ subject }) => subject));
    if (subjects.has("people") || fresh.length >= 500) await people.reload();
    else {
      const some = [...subjects].filter((subject) => /^(?:user|group):/.test(subject));
      if (some.length > 0) await people.reload(some);
    }
    for (const { id } of fresh) heard.add(id);
    mark = Math.max(mark, ...fresh.map(({ id }) => id));
    for (const id of heard) if (id <= mark - OVERLAP) heard.delete(id);
    const from = since - every * 2;
    since = clock.now();
    addresses.add(await store.addresses(from));
  };
  const purge = async (actor: string): Promise<number> => {
    const now = clock.now();
    const over = [...directory.users()].filter(
      ({ kind, expiresAt }) => kind === "temporary" && expiresAt !== undefined && expiresAt + keep <= now,
    );
    for (const { id } of over) await people.remove("user", id, actor);
    return over.length;
  };
  const round = async (): Promise<void> => {
    try {
      await look();
      if (clock.now() >= purgeAt) {
        purgeAt = clock.now() + PURGE;
        await purge("users()");
      }
      wasAway = false;
    } catch (error) {
      // Said once; the database says the rest, and who is known goes on.
      if (!wasAway) app.log.withTag("users").warn("Edits of users are not heard of while the database is away:", error);
      wasAway = true;
      // It tries again when somebody has something to save.
      app.database?.wake();
    }
  };
  const arm = (): void => {
    if (stopped) return;
    timer = clock.timer(() => void round().then(arm), every);
  };
  return {
    get isLoaded() {
      return isLoaded;
    },
    load,
    look,
    purge,
    start: arm,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
