/** What goes wrong with accounts, in the form in which the command line shows it: what, where, why, and what to do. */
import { ConfigError } from "../config/problem.ts";

export interface AccountFault {
  /** `account_broken`, `account_foreign`, `account_gone`, `account_locked`, `account_unsaved`. */
  readonly code: string;
  /** The file, or the variables. */
  readonly at: string;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** Recognise it with `ConfigError.is`. No part of it may hold a secret. */
export function accountError({ code, at, what, why, fix }: AccountFault, cause?: unknown): ConfigError {
  return new ConfigError([{ code, path: [], file: at, what, why, fix }], { cause });
}

/** `ENOENT` of a failed call to the system, else an empty text. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const unwritable: ReadonlySet<string> = new Set(["EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT"]);

/** True when the disk is what keeps a file from being written: full, read-only or somebody else's. */
export function isUnwritable(error: unknown): boolean {
  return unwritable.has(systemCode(error));
}
