/**
 * A lock between processes, as a file beside what it guards. Who holds it renews the file's time; who waits measures with
 * a clock of its own how long that time stood still, so that machines whose clocks differ agree on what is abandoned.
 */
import { randomUUID } from "node:crypto";
import { link, readFile, readlink, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { accountError, systemCode } from "./problem.ts";

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds. Default 120 000. */
  readonly wait?: number;
  /** Milliseconds without a sign of life after which a lock is abandoned. Default 15 000. */
  readonly abandoned?: number;
}

export interface Lock {
  /** False when another process took it for abandoned, because this one slept for too long. */
  held(): Promise<boolean>;
  release(): Promise<void>;
}

/** What the file says of its holder. `space` tells apart containers whose host name and process ids are the same. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly space: string;
  readonly token: string;
  /** For people who look into the file. */
  readonly time: string;
}

/**
 * Waits until the lock is free. Rejects when the signal is aborted, when it takes too long (`account_locked`), and with
 * the system's error when no file can be made there.
 */
export async function takeLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { signal, wait = 120_000, abandoned = 15_000 } = options;
  const space = await spaceOfThis();
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    space,
    token: randomUUID(),
    time: new Date().toISOString(),
  };
  const began = performance.now();
  let seen: { readonly state: string; readonly since: number } | undefined;
  for (let turn = 0; ; turn++) {
    signal?.throwIfAborted();
    const found = await look(path);
    if (found === undefined) {
      if (await create(path, mine)) return hold(path, mine, abandoned);
      continue;
    }
    const now = performance.now();
    if (seen?.state !== found.state) seen = { state: found.state, since: now };
    if (isDead(found.holder, mine) || now - seen.since >= abandoned) {
      await takeAway(path, found.state);
      seen = undefined;
      continue;
    }
    if (now - began >= wait) throw tooLong(path, found.holder, wait);
    await pause(Math.min(20 * 1.5 ** turn, 250) * (0.5 + Math.random()), signal);
  }
}

/** With its content from the first moment: who dies in between must not leave a lock that says nothing of its holder. */
async function create(path: string, mine: Holder): Promise<boolean> {
  const text = `${JSON.stringify(mine)}\n`;
  // Swept away like the drafts of the file it guards.
  const draft = join(dirname(path), `.${basename(path)}.${mine.token}.draft`);
  try {
    await writeFile(draft, text, { flag: "wx", mode: 0o600 });
    return await isFirst(link(draft, path));
  } catch (error) {
    if (!withoutLinks.has(systemCode(error)) || !(await exists(draft))) throw error;
    return await isFirst(writeFile(path, text, { flag: "wx", mode: 0o600 }));
  } finally {
    await rm(draft, { force: true });
  }
}

/** What disks say on which a file has one name only. */
const withoutLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK"]);

async function isFirst(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false, // Then it is the draft that could not be made, and its own error is the one to tell.
  );
}

function hold(path: string, mine: Holder, abandoned: number): Lock {
  const renew = (): void => {
    const now = new Date();
    // A lock that is gone is noticed by `held`, before anything is written.
    utimes(path, now, now).catch(() => undefined);
  };
  const timer = setInterval(renew, abandoned / 5);
  timer.unref();
  const held = async (): Promise<boolean> => (await look(path))?.holder?.token === mine.token;
  return {
    held,
    async release() {
      clearInterval(timer);
      if (await held()) await rm(path, { force: true });
    },
  };
}

/** `state` changes with every holder and every sign of life. `undefined` when there is no lock any more. */
async function look(path: string): Promise<{ readonly state: string; readonly holder?: Holder } | undefined> {
  try {
    const [text, { mtimeMs, ino }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return { state: `${ino} ${mtimeMs} ${text}`, holder: parse(text) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "token" in value ? (value as Holder) : undefined;
  } catch {
    return undefined; // Being written at this moment, or left empty by a crash: the waiting time tells.
  }
}

/** True when the holder was a process of this machine that is gone. */
function isDead(holder: Holder | undefined, mine: Holder): boolean {
  if (holder === undefined || holder.host !== mine.host || holder.space !== mine.space) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === "ESRCH";
  }
}

/**
 * Moves the lock away and looks again at what was moved: of two that found it abandoned, the slower one may have caught
 * the new lock of the faster one, which then goes back.
 */
async function takeAway(path: string, state: string): Promise<void> {
  if ((await look(path))?.state !== state) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  const moved = await look(aside);
  if (moved !== undefined && moved.state !== state) {
    await link(aside, path).catch((error: unknown) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
  }
  await rm(aside, { force: true });
}

let space: Promise<string> | undefined;

/** Process ids mean something only inside one of these. Linux alone has them. */
function spaceOfThis(): Promise<string> {
  return (space ??= readlink("/proc/self/ns/pid").catch(() => ""));
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function tooLong(path: string, holder: Holder | undefined, wait: number): Error {
  const who = holder === undefined ? "Another process" : `Process ${holder.pid} on ${holder.host}`;
  return accountError({
    code: "account_locked",
    at: path,
    what: "The account is locked by another process",
    why: `${who} has held it for more than ${Math.round(wait / 1000)} s and is alive.`,
    fix: "Wait for it or end it, then try again.",
  });
}
