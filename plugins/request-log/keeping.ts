/** What is too old or too much goes, oldest first; nothing else in the folder is touched. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "waygate";

export interface KeepingInit {
  readonly folder: string;
  /** Days that are kept, today among them. */
  readonly days: number;
  /** Bytes of all requests. */
  readonly total: number;
  readonly clock: Pick<Clock, "now" | "timer">;
  /** The disk refuses; it is tried again. */
  readonly onTrouble: (error: unknown) => void;
}

export interface Keeping {
  /** So much has been written. */
  add(bytes: number): void;
  stop(): void;
}

/** Milliseconds between two rounds, and from the start to the first. */
const EVERY = 3_600_000;
const FIRST = 5_000;
const DAY = 86_400_000;
/** Every file takes whole blocks of a disk. */
const BLOCK = 4096;

/** Local, as the times in the proxy's log are. */
export function dayOf(at: number): string {
  const date = new Date(at);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}

export function startKeeping({ folder, days, total, clock, onTrouble }: KeepingInit): Keeping {
  let known = 0;
  let fresh = 0;
  let running = false;
  let stopped = false;
  let timer: Timer | undefined;

  const round = async (): Promise<void> => {
    fresh = 0;
    const all = (await list(folder)).filter((name) => /^\d{4}-\d\d-\d\d$/.test(name));
    const first = dayOf(clock.now() - (days - 1) * DAY);
    for (const day of all.filter((name) => name < first)) await removeDay(join(folder, day));
    const kept = all.filter((name) => name >= first);
    const sizes = new Map<string, number>();
    for (const day of kept) sizes.set(day, await sizeOf(join(folder, day)));
    known = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const day of kept) {
      if (known <= total || stopped) return;
      for (const name of await requestsOf(join(folder, day))) {
        // A little more than needed, so that it need not be done for every request.
        if (known <= total * 0.9 || stopped) return;
        const path = join(folder, day, name);
        const size = await sizeOf(path);
        await rm(path, { recursive: true, force: true });
        known -= size;
      }
      await removeDay(join(folder, day));
    }
  };
  const run = async (): Promise<void> => {
    if (running || stopped) return;
    running = true;
    timer?.cancel();
    await round().catch(onTrouble);
    running = false;
    if (!stopped) timer = clock.timer(() => void run(), EVERY);
  };
  timer = clock.timer(() => void run(), FIRST);

  return {
    add(bytes) {
      fresh += Math.ceil(bytes / BLOCK) * BLOCK;
      if (known + fresh > total) void run();
    },
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

/** The folders of requests, and nothing that somebody else has put there. */
async function requestsOf(day: string): Promise<readonly string[]> {
  return (await list(day)).filter((name) => /^\d{4}_\d{6}_/.test(name));
}

async function removeDay(day: string): Promise<void> {
  for (const name of await requestsOf(day)) await rm(join(day, name), { recursive: true, force: true });
  if ((await list(day)).length === 0) await rm(day, { recursive: true, force: true });
}

/** Sorted; empty for what is not there. */
async function list(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function sizeOf(path: string): Promise<number> {
  let size = 0;
  try {
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) size += Math.ceil((await stat(join(entry.parentPath, entry.name))).size / BLOCK) * BLOCK;
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return size;
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
