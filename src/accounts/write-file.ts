/** Files that are there whole or not at all, for this user alone. */
import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { makeDataFolder } from "../database/folder.ts";
import { systemCode } from "./problem.ts";

/** Milliseconds after which a draft is what a crash left behind. */
const ABANDONED = 3_600_000;

/**
 * Writes beside the file, waits until the disk has it, then takes the file's place: a crash leaves the old content or
 * the new one. Mode 0600. `path` is no symbolic link.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  // The ending keeps a draft from being read as an account.
  const draft = join(folder, `.${basename(path)}.${randomUUID()}.draft`);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await takePlace(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(folder);
  await sweep(folder, basename(path));
}

/** Windows refuses while somebody reads the file, which is soon over. */
async function takePlace(draft: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(draft, path);
    } catch (error) {
      const isBusy = process.platform === "win32" && ["EPERM", "EACCES", "EBUSY"].includes(systemCode(error));
      if (!isBusy || attempt === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 10));
    }
  }
}

/** After a power cut the new name must be there too. Not every system lets a folder be opened; then it sees to it itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined); // As above: nothing to be done without a handle.
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined); // The content is on the disk; only the name may come back as the old one.
  await handle.close();
}

/** Drafts hold secrets; those of a process that died are removed. */
async function sweep(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`.${name}.`) || !entry.endsWith(".draft")) continue;
    const path = join(folder, entry);
    const info = await stat(path).catch(() => undefined); // Its writer has just finished.
    if (info !== undefined && Date.now() - info.mtimeMs > ABANDONED) await rm(path, { force: true });
  }
}

/** Makes `<dataDir>/credentials/<provider>` with mode 0700 on both. */
export async function makeAccountFolder(dataDir: string, provider: string): Promise<string> {
  makeDataFolder(dataDir);
  const all = join(dataDir, "credentials");
  const folder = join(all, provider);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The mode above holds for new folders only. Not everybody who may write into one owns it.
  for (const each of [all, folder]) {
    if (((await stat(each)).mode & 0o077) !== 0) await chmod(each, 0o700).catch(() => undefined);
  }
  return folder;
}
