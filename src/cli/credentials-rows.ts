/** Keys and accounts as `proxy credentials` shows them. */
import { relative, resolve } from "node:path";
import { accountId, emailOf, expiryOf } from "../accounts/fields.ts";
import type { AccountKind, BrokenAccount, StoredAccount } from "../accounts/types.ts";
import { createLog } from "../log.ts";
import { internalsOf } from "../proxy.ts";
import { type KeysDocument, keysDocument, type KeyStatus } from "../server/key-status.ts";
import { askAt } from "./ask-server.ts";
import { boot } from "./boot.ts";
import type { Desk } from "./credentials-desk.ts";
import { keyName, needsYou, type ShownState } from "./keys.ts";
import { duration } from "./layout.ts";

/** `broken`: its file cannot be used. `unlisted`: no plugin of the config uses it. */
export type RowState = ShownState | "broken" | "unlisted";

export interface Row {
  readonly provider: string;
  readonly type: "key" | "account";
  /** What `remove` and `check` know it by. */
  readonly name: string;
  /** Of the running proxy; absent for what it does not know. */
  readonly id?: string;
  readonly email?: string;
  readonly state: RowState;
  /** ISO 8601. */
  readonly until?: string;
  readonly why?: string;
  /** The file, or the prefix of its variables. */
  readonly place?: string;
  readonly kind?: AccountKind;
  readonly account?: StoredAccount;
  readonly broken?: BrokenAccount;
}

export interface Rows {
  /** Absent when no server told. */
  readonly server?: string;
  /** Why none did. */
  readonly silence?: string;
  readonly rows: readonly Row[];
}

/** Accounts of every kind, then the keys of every provider; asks the running server for their states. */
export async function collectRows(desk: Desk): Promise<Rows> {
  const { source, root, config } = desk;
  const file = source.file;
  const asked = await askAt<KeysDocument>(resolve(root, config.dataDir), { file, path: "/api/keys/status" });
  const document = asked.document ?? (await keysWithoutServer(desk));
  const accounts = await accountRows(desk, document);
  const known = new Set(accounts.map(({ id }) => id));
  const keys = document.providers.flatMap(({ provider, keys: held }) =>
    held.filter((key) => !known.has(key.id) && !key.anonymous).map((key) => keyRow(provider, key)),
  );
  const rows = [...accounts, ...keys];
  if (asked.document !== undefined) return { server: asked.url, rows };
  return { silence: asked.why ?? "no server runs with this config", rows };
}

/** Set up as for a start, and asking nobody. */
async function keysWithoutServer({ source }: Desk): Promise<KeysDocument> {
  const proxy = await boot(source, { discover: false, log: createLog("error") });
  try {
    return keysDocument(internalsOf(proxy).pipeline.app, { running: false });
  } finally {
    await proxy.close();
  }
}

function keyRow(provider: string, key: KeyStatus): Row {
  const { id, label, masked, state, until, reason } = key;
  const name = keyName({ id, label: label ?? undefined, masked: masked ?? undefined });
  return { provider, type: "key", name, id, state, ...told(until, reason) };
}

async function accountRows(desk: Desk, document: KeysDocument): Promise<readonly Row[]> {
  const { store, configured, terminal } = desk;
  const statuses = new Map(document.providers.flatMap(({ keys }) => keys.map((key) => [key.id, key] as const)));
  const rows: Row[] = [];
  for (const kind of await desk.kinds()) {
    const { accounts, broken } = await store.list(kind);
    for (const account of accounts) {
      const id = accountId(kind, account);
      const status = configured.includes(kind) ? statuses.get(id) : undefined;
      const { origin, name, fields } = account;
      const email = emailOf(fields);
      const state: RowState = configured.includes(kind) ? (status?.state ?? "unknown") : "unlisted";
      rows.push({
        provider: kind.provider,
        type: "account",
        name,
        id,
        ...(email !== undefined && { email }),
        state,
        ...told(status?.until ?? null, status?.reason ?? accessOf(kind, account)),
        place: origin.kind === "file" ? relative(terminal.cwd, origin.path) : `${origin.prefix}_…`,
        kind,
        account,
      });
    }
    for (const each of broken) {
      const place = relative(terminal.cwd, each.path);
      const name = each.path.replace(/^.*[\\/]|\.json$/g, "");
      rows.push({
        provider: kind.provider,
        type: "account",
        name,
        state: "broken",
        why: each.why,
        place,
        kind,
        broken: each,
      });
    }
  }
  return rows;
}

function told(until: string | null, why: string | null): Pick<Row, "until" | "why"> {
  return { ...(until !== null && { until }), ...(why !== null && { why }) };
}

/** Of tokens that nobody has tried all that is known is when they end. */
function accessOf(kind: AccountKind, { fields }: StoredAccount): string | null {
  const end = expiryOf(kind, fields);
  if (end === undefined) return null;
  const left = end - Date.now();
  return left > 0 ? `access ends in ${duration(left)}` : "access has ended; renewed when it is used";
}

export function wantsPerson({ state }: Row): boolean {
  return state === "broken" || (state !== "unlisted" && needsYou(state));
}

/** Without what only this process can use, and without tokens. */
export function rowDocument({ kind: _kind, account: _account, broken, ...row }: Row): object {
  return { ...row, ...(broken && { fix: broken.fix }) };
}

/** The one of that name, e-mail address or id; all of that name when it is not the only one. */
export function rowsNamed(rows: readonly Row[], name: string): readonly Row[] {
  const text = name.toLowerCase();
  return rows.filter((row) =>
    [row.name, row.email, row.id, row.place].some((each) => each !== undefined && each.toLowerCase() === text),
  );
}
