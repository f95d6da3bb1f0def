/** Deleting an account's file. */
import { realpath, unlink } from "node:fs/promises";
import type { Bench } from "./bench.ts";
import { takeLock } from "./lock.ts";
import { accountError, isUnwritable, systemCode } from "./problem.ts";
import type { AccountKind, BrokenAccount, StoredAccount } from "./types.ts";

export async function removeAccount(
  _bench: Bench,
  kind: AccountKind,
  account: StoredAccount | BrokenAccount,
): Promise<void> {
  if ("origin" in account && account.origin.kind === "environment") {
    const { prefix } = account.origin;
    throw accountError({
      code: "account_in_environment",
      at: `${prefix}_…`,
      what: `${account.name} of ${kind.provider} is in the environment`,
      why: "This process cannot take variables away from where they are set.",
      fix: `Remove the variables that begin with ${prefix}_ from .env or from the host's settings.`,
    });
  }
  const path = "path" in account ? account.path : account.origin.kind === "file" ? account.origin.path : "";
  try {
    // A refresh in another process writes its result first; it would bring the file back otherwise.
    const place = await realpath(path).catch(() => path); // A broken link is removed like any other.
    const lock = await takeLock(`${place}.lock`, { wait: 30_000 });
    try {
      await unlink(path);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    if (!isUnwritable(error) && systemCode(error) !== "EISDIR") throw error;
    const why = `The system says ${systemCode(error)}.`;
    const fault = { code: "account_unsaved", at: path, what: "The account's file cannot be removed", why };
    throw accountError({ ...fault, fix: "Remove it as a user who may." }, error);
  }
}
