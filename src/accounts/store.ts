/** Accounts on disk and in variables: found, saved, changed by one process at a time, moved in and out. */
import { homedir } from "node:os";
import { resolve } from "node:path";
import { createCipher, keyVariable } from "./encryption.ts";
import type { AccountsFound, Variables } from "./environment.ts";
import { type EnvExport, exportEnv } from "./export.ts";
import { discover, type FoundFile } from "./discover.ts";
import { type ImportedAccount, type ImportOptions, importFile } from "./import.ts";
import { listAccounts } from "./list.ts";
import type { Bench } from "./bench.ts";
import { watchedPlaces } from "./places.ts";
import { removeAccount } from "./remove.ts";
import { ensureWritable, saveAccount, type SavedAccount, type SaveOptions } from "./save.ts";
import type { AccountFields, AccountKind, BrokenAccount, StoredAccount } from "./types.ts";
import { type UpdateOptions, updateAccount } from "./update.ts";

export interface AccountStoreOptions {
  /** Accounts are in `<dataDir>/credentials/<provider>/<name>.json`. Relative to `cwd`. */
  readonly dataDir: string;
  /** Default `process.env`. `WAYGATE_CREDENTIALS_KEY` in it encrypts what is written. */
  readonly env?: Variables;
  /** Of the user. Default: that of the process. */
  readonly home?: string;
  /** Beside the config. Default: the working folder. */
  readonly cwd?: string;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** For people, without secrets. */
  readonly warn?: (message: string) => void;
}

/** Every method rejects with a `ConfigError` that names the place, the cause and the fix, and holds no secret. */
export interface AccountStore {
  /**
   * Those in the environment; where there are none those in files: our own, those of the seed's `oauth_creds/` beside the
   * config, those that `<PREFIX>_OAUTH_<N>` names. Of two files of one account the first place wins.
   */
  list(kind: AccountKind): Promise<AccountsFound>;
  /** Folders and files in which a change may mean other accounts than those listed before. */
  watched(kind: AccountKind): readonly string[];
  /** Rejects when an account could not be saved: to be asked before somebody signs in. */
  ready(kind: AccountKind): Promise<void>;
  /**
   * Into the file of the account that has this identity, keeping its unknown fields, else into a new one. Never writes
   * over a broken file or one of another account.
   */
  save(kind: AccountKind, fields: AccountFields, options?: SaveOptions): Promise<SavedAccount>;
  /**
   * Takes the account's lock, which no two processes hold, reads the file again and calls `change` with what is there
   * now; the result is on the disk before it resolves. What `change` does not name stays; a result that is `===` its
   * argument writes nothing, which is how a caller that finds a token renewed by somebody else says so. On a read-only
   * disk and for accounts of the environment the result is kept in memory.
   */
  update(
    kind: AccountKind,
    account: StoredAccount,
    change: (current: AccountFields) => Promise<AccountFields>,
    options?: UpdateOptions,
  ): Promise<StoredAccount>;
  /** Deletes the file. Rejects for accounts of the environment. */
  remove(kind: AccountKind, account: StoredAccount | BrokenAccount): Promise<void>;
  /** Copies what another tool or an export holds: JSON of one account, or variables of several. */
  importFile(kind: AccountKind, path: string, options?: ImportOptions): Promise<readonly ImportedAccount[]>;
  /** Files that could be imported: of the provider's own tool, of the seed, of CLIProxyAPI, and exports. */
  discover(kind: AccountKind): Promise<readonly FoundFile[]>;
  /** As variables, for a host without a disk. The text holds secrets: write it with mode 0600. */
  exportEnv(kind: AccountKind, account: StoredAccount, number: number): EnvExport;
}

/** No I/O until a method is called. */
export function accountStore(options: AccountStoreOptions): AccountStore {
  const { env = process.env, home = homedir(), now = Date.now, warn = () => undefined } = options;
  const cwd = resolve(options.cwd ?? process.cwd());
  const bench: Bench = {
    places: { dataDir: resolve(cwd, options.dataDir), env, home, cwd },
    cipher: createCipher(env[keyVariable]),
    now,
    warn,
  };
  return {
    list: (kind) => listAccounts(bench, kind),
    watched: (kind) => watchedPlaces(bench.places, kind),
    ready: (kind) => ensureWritable(bench, kind),
    save: (kind, fields, saving) => saveAccount(bench, kind, fields, saving),
    update: (kind, account, change, updating) => updateAccount(bench, { kind, account, change, ...updating }),
    remove: (kind, account) => removeAccount(bench, kind, account),
    importFile: (kind, path, importing) => importFile(bench, kind, path, importing),
    discover: (kind) => discover(bench, kind),
    exportEnv: (kind, account, number) => exportEnv(kind, account, number, now()),
  };
}
