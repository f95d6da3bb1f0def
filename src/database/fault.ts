/** What went wrong with a database file, as data that crosses a thread. */

export type FaultKind =
  /** A later version wrote the file. */
  | "newer"
  /** The file is another program's. */
  | "foreign"
  /** Not a database, or damaged. */
  | "corrupt"
  /** The folder or the file cannot be written. */
  | "read_only"
  | "disk_full"
  /** Another process holds the file for longer than we wait. */
  | "busy"
  /** No connection to the server. */
  | "away"
  /** The server does not let us in, or does not know the database. */
  | "denied"
  /** Everything else: I/O errors, a thread that died. */
  | "failed";

export interface Fault {
  readonly kind: FaultKind;
  /** The system's words, without contents of the database. */
  readonly why: string;
  /** For `newer`: the schema in the file, and the version of waygate that made it. */
  readonly schema?: number;
  readonly writer?: string;
}

/** Brings a fault from where it is seen to where it is told. */
export class DatabaseError extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, cause?: unknown) {
    super(fault.why, cause === undefined ? undefined : { cause });
    this.name = "DatabaseError";
    this.fault = fault;
  }
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const codes: { readonly [code: number]: FaultKind } = {
  5: "busy",
  6: "busy",
  8: "read_only",
  11: "corrupt",
  13: "disk_full",
  14: "read_only",
  26: "corrupt",
};

const systemCodes: { readonly [code: string]: FaultKind } = {
  EACCES: "read_only",
  EPERM: "read_only",
  EROFS: "read_only",
  ENOTDIR: "read_only",
  EEXIST: "read_only",
  EISDIR: "read_only",
  ENOENT: "read_only",
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
};

/** What an error of SQLite or of the file system means. */
export function faultOf(error: unknown): Fault {
  if (error instanceof DatabaseError) return error.fault;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const kind = errcode === undefined ? systemCodes[code ?? ""] : codes[errcode & 0xff];
  return { kind: kind ?? "failed", why: message ?? String(error) };
}

/** SQLite's codes for a statement that is itself at fault: the others of its batch are not. */
export function blamesStatement(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  // Without a code: a value that cannot be bound.
  return errcode === undefined ? error instanceof Error : [1, 18, 19, 20, 25].includes(errcode & 0xff);
}
