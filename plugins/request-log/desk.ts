/**
 * Writes what is handed in, a little later and never on a request's path. A disk that is slow loses parts, a disk that
 * refuses ends the writing for a while; neither is anything a request could notice.
 */
import { appendFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { App, Clock, Timer } from "waygate";

/** Bytes that wait for the disk at most, all requests together. */
const WAITING = 32 * 1024 * 1024;
/** Milliseconds that small parts are collected, and bytes that do not wait for more. */
const COLLECT = 200;
const ENOUGH = 64 * 1024;
/** Requests whose files are written at the same time. */
const LANES = 4;
/** Milliseconds before a disk that refused is tried again. */
const AGAIN = 60_000;
/** Milliseconds that the end of the proxy waits for the disk. */
const LAST = 5_000;

/** Why something is not written: over the size of one request, or the disk does not keep up. */
export type Refused = "cut" | "dropped";

/** The folder of one request. */
export interface Page {
  /** Bytes that may still be written. */
  readonly left: number;
  /** Adds to a file. `make` is called when it is written, in the order of the calls. */
  write(file: string, cost: number, make: () => string, always?: boolean): Refused | undefined;
  /** Nothing more comes. */
  end(): void;
}

export interface Desk {
  /** `place`: folder for the day and name in it. `undefined` while nothing can be written. */
  open(place: { readonly day: string; readonly name: string }): Page | undefined;
  close(): Promise<void>;
}

export interface DeskInit {
  readonly folder: string;
  /** Makes `folder`; called before the first write. */
  readonly prepare: () => void;
  /** Bytes of one request at most. */
  readonly size: number;
  readonly clock: Pick<Clock, "now" | "timer">;
  readonly log: Pick<App["log"], "warn" | "info">;
  readonly onWritten: (bytes: number) => void;
}

interface Job {
  readonly file: string;
  readonly cost: number;
  readonly make: () => string;
}

interface OpenPage {
  readonly day: string;
  readonly name: string;
  jobs: Job[];
  held: number;
  path: string | undefined;
  readonly folders: Set<string>;
  busy: boolean;
  dead: boolean;
}

export function createDesk({ folder, prepare, size, clock, log, onWritten }: DeskInit): Desk {
  /** With parts that may wait for more, and with parts to be written now. */
  const collecting = new Set<OpenPage>();
  const due = new Set<OpenPage>();
  let waiting = 0;
  let lanes = 0;
  let timer: Timer | undefined;
  let prepared = false;
  /** When it is tried again, since the disk has refused. */
  let refusedUntil: number | undefined;

  const start = (): void => {
    for (; lanes < Math.min(LANES, due.size); lanes++) setImmediate(() => void lane());
  };
  const lane = async (): Promise<void> => {
    for (const page of due) {
      due.delete(page);
      await flush(page);
    }
    lanes--;
    start();
  };
  const flush = async (page: OpenPage): Promise<void> => {
    const { jobs, held } = page;
    page.jobs = [];
    page.held = 0;
    page.busy = true;
    try {
      if (!page.dead) await writeDown(page, jobs);
    } catch (error) {
      // Somebody has deleted the folder meanwhile, or the sum of all was too much.
      page.dead = true;
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || page.path === undefined) refuse(error);
    } finally {
      waiting -= held;
      page.busy = false;
      if (page.jobs.length > 0) due.add(page);
    }
  };
  const writeDown = async (page: OpenPage, jobs: readonly Job[]): Promise<void> => {
    const path = (page.path ??= await makeFolder(page));
    const texts = new Map<string, string>();
    for (const { file, make } of jobs) texts.set(file, (texts.get(file) ?? "") + make());
    for (const [file, text] of texts) {
      if (text === "") continue;
      const target = join(path, file);
      const parent = dirname(target);
      if (!page.folders.has(parent)) await mkdir(parent, { recursive: true, mode: 0o700 });
      page.folders.add(parent);
      await appendFile(target, text, { mode: 0o600 });
      onWritten(Buffer.byteLength(text));
    }
    if (refusedUntil === undefined || clock.now() < refusedUntil) return;
    refusedUntil = undefined;
    log.info(`Requests are written to ${folder} again.`);
  };
  const makeFolder = async ({ day, name, folders }: OpenPage): Promise<string> => {
    if (!prepared) prepare();
    prepared = true;
    const parent = join(folder, day);
    await mkdir(parent, { recursive: true, mode: 0o700 });
    for (let count = 1; ; count++) {
      const path = join(parent, count === 1 ? name : `${name}-${count}`);
      try {
        await mkdir(path, { mode: 0o700 });
        folders.add(path);
        return path;
      } catch (error) {
        // Clients may send one id twice.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST" || count > 999) throw error;
      }
    }
  };
  const refuse = (error: unknown): void => {
    const known = refusedUntil !== undefined;
    refusedUntil = clock.now() + AGAIN;
    prepared = false;
    for (const page of [...collecting, ...due]) page.dead = true;
    if (known) return;
    const why = error instanceof Error ? error.message : String(error);
    log.warn(`Requests are not written any more: ${why}. They are answered all the same; tried again every minute.`);
  };
  const hurry = (page: OpenPage): void => {
    collecting.delete(page);
    if (page.jobs.length === 0 || page.busy) return;
    due.add(page);
    start();
  };

  return {
    open({ day, name }) {
      if (refusedUntil !== undefined && clock.now() < refusedUntil) return undefined;
      let left = size;
      const page: OpenPage = {
        ...{ day, name, jobs: [], held: 0, path: undefined, folders: new Set() },
        ...{ busy: false, dead: false },
      };
      return {
        get left() {
          return left;
        },
        write(file, cost, make, always = false) {
          if (page.dead || waiting + cost > WAITING) return "dropped";
          if (!always && cost > left) return "cut";
          left -= cost;
          waiting += cost;
          page.held += cost;
          page.jobs.push({ file, cost, make });
          if (page.held >= ENOUGH) hurry(page);
          else if (!due.has(page)) {
            collecting.add(page);
            timer ??= clock.timer(() => {
              timer = undefined;
              for (const each of collecting) hurry(each);
            }, COLLECT);
          }
          return undefined;
        },
        end: () => hurry(page),
      };
    },
    async close() {
      timer?.cancel();
      timer = undefined;
      for (const page of collecting) hurry(page);
      const over = clock.now() + LAST;
      // Only real time passes while a disk works; a clock that stands still ends this by the lanes alone.
      for (let turn = 0; lanes > 0 && clock.now() < over && turn < 10_000; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
}
