/** The secret of one instance: what must be recognised but not known, like addresses, is kept as an HMAC with it. */
import { createHmac, randomBytes } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { makeDataFolder } from "../database/folder.ts";
import type { App } from "../plugin/app.ts";

/**
 * `WAYGATE_SECRET`, else the text of `<dataDir>/secret`, which is made when it is missing. A folder that cannot be
 * written gives a secret for this process only; `onTemporary` is told why.
 */
function instanceSecret(
  dataDir: string,
  env: { readonly [name: string]: string | undefined },
  onTemporary: (why: string) => void,
): string {
  const stated = env["WAYGATE_SECRET"]?.trim();
  if (stated) return stated;
  const path = resolve(dataDir, "secret");
  try {
    makeDataFolder(dataDir);
    return read(path) ?? make(path);
  } catch (error) {
    onTemporary(error instanceof Error ? error.message : String(error));
    return randomBytes(32).toString("hex");
  }
}

/** Hashes remembered: one takes microseconds, and most addresses come again. */
const HASHES = 10_000;

/**
 * What is stored of an address: the same for the same address in one instance, and nothing without its secret. A secret
 * that could not be stored is told to the log.
 */
export function addressHasher({
  root = ".",
  config,
  log,
}: Pick<App, "root" | "config" | "log">): (address: string) => string {
  const secret = instanceSecret(resolve(root, config.dataDir), process.env, (why) =>
    log.warn(`Addresses are known under a secret of this process only, because none could be stored: ${why}`),
  );
  const known = new Map<string, string>();
  return (address) => {
    const found = known.get(address);
    if (found !== undefined) return found;
    if (known.size >= HASHES) known.clear();
    const hash = createHmac("sha256", secret).update(address).digest("base64url").slice(0, 22);
    known.set(address, hash);
    return hash;
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Two processes that start at once agree on one: a link is made or is there already, never half of it. */
function make(path: string): string {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const made = read(path);
  if (made === undefined) throw new Error(`${path} is empty`);
  return made;
}
