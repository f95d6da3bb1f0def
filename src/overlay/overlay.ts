/**
 * Settings edited while the proxy runs: read from the database at the start and every two seconds, so that an edit in
 * one process holds in all of them. Requests never wait for it, and go on with what was known while the database is away.
 */
import type { ConsolaInstance } from "consola";
import { nearest } from "../config/nearest.ts";
import { DatabaseError } from "../database/fault.ts";
import type { Database } from "../database/types.ts";
import { ProxyError } from "../failure/error.ts";
import type { Json } from "../protocols/canonical.ts";
import type { Clock, Timer } from "../runtime.ts";
import { changesOf, readRows, rewriter, type Row } from "./rows.ts";
import type { Edit, Overlay, Setting, SettingDocument } from "./types.ts";

export interface OpenOverlay extends Overlay {
  /** Takes in what the database has, and looks again from time to time. */
  open(): Promise<void>;
  close(): void;
  list(): readonly SettingDocument[];
  /** Throws a `ProxyError` of status 404. */
  find(name: string): SettingDocument;
  /** Rejects with a `ProxyError` of status 400, 404, 409 or 503. */
  edit(edit: Edit): Promise<SettingDocument>;
}

export interface OverlayInit {
  readonly clock: Clock;
  readonly log: Pick<ConsolaInstance, "warn">;
  readonly database: () => Database | undefined;
}

/** Milliseconds until an edit of another process is seen. */
const EVERY = 2000;
/** Characters of a value. */
const LARGEST = 256 * 1024;

interface Part {
  readonly setting: Setting;
  problem: string | null;
}

export function createOverlay({ clock, log, database }: OverlayInit): OpenOverlay {
  const parts = new Map<string, Part>();
  const rows = new Map<string, Row>();
  let timer: Timer | undefined;
  let leave: (() => void) | undefined;
  let isClosed = false;
  let isAway = false;

  const take = (name: string, row: Row): void => {
    const known = rows.get(name);
    // What was read may be older than what was just written here.
    if (known !== undefined && known.version >= row.version) return;
    rows.set(name, row);
    const part = parts.get(name);
    if (part === undefined) return;
    try {
      part.setting.apply(row.value === null ? undefined : row.value);
      part.problem = null;
    } catch (error) {
      part.problem = error instanceof Error ? error.message : String(error);
      log.warn(`The setting "${name}" of ${row.changedBy} cannot be used here and stays as it was: ${part.problem}`);
    }
  };
  const look = async (from: Database): Promise<void> => {
    try {
      for (const [name, row] of await readRows(from)) take(name, row);
      isAway = false;
    } catch (error) {
      // The database says itself what ails it; it comes back, or stays away and everything else is said there.
      if (!isAway && !isClosed)
        log.warn("Settings changed at run time could not be read; those known stay in force:", error);
      isAway = true;
    }
  };
  const lookAgain = (from: Database): void => {
    if (isClosed) return;
    timer = clock.timer(() => void look(from).then(() => lookAgain(from)), EVERY);
  };

  const documentOf = (name: string, { setting, problem }: Part): SettingDocument => {
    const row = rows.get(name);
    return {
      name,
      about: setting.about,
      value: row?.value ?? null,
      version: row?.version ?? 0,
      changed_by: row?.changedBy ?? null,
      changed_at: row?.changedAt ?? null,
      current: setting.current(),
      problem,
    };
  };
  const partOf = (name: string): Part => {
    const part = parts.get(name);
    if (part !== undefined) return part;
    const names = [...parts.keys()];
    const near = nearest(name, names);
    const hint = near === undefined ? "" : ` Nearest: ${near}.`;
    throw new ProxyError({
      kind: "not_found",
      message: `There is no setting ${JSON.stringify(name.slice(0, 100))}.${hint} ${names.length === 0 ? "No plugin that is listed has any." : `There are: ${names.join(", ")}.`}`,
    });
  };

  return {
    define(name, setting) {
      if (parts.has(name)) throw new Error(`Two plugins define the setting "${name}".`);
      parts.set(name, { setting, problem: null });
    },
    async open() {
      const from = database();
      if (parts.size === 0 || from === undefined) return;
      leave = from.attach(rewriter(() => rows));
      await look(from);
      lookAgain(from);
    },
    close() {
      isClosed = true;
      timer?.cancel();
      leave?.();
    },
    list: () => [...parts].map(([name, part]) => documentOf(name, part)),
    find: (name) => documentOf(name, partOf(name)),
    async edit({ name, value, version, actor }) {
      const part = partOf(name);
      if (value !== undefined) refuseInvalid(part.setting, value);
      const into = database();
      if (into === undefined) throw noDatabase();
      const row: Row = {
        value: value ?? null,
        version: version + 1,
        changedBy: actor,
        changedAt: Math.round(clock.now()),
      };
      const result = await into.change(await changesOf(into, name, version, row)).catch((error: unknown) => {
        throw awayOf(error);
      });
      if ("conflict" in result) {
        await look(into);
        throw outdated(documentOf(name, part), version);
      }
      take(name, row);
      return documentOf(name, part);
    },
  };
}

function refuseInvalid(setting: Setting, value: Json): void {
  const problems =
    JSON.stringify(value).length > LARGEST
      ? [`The value is longer than ${LARGEST} characters.`]
      : setting.validate(value);
  if (problems.length === 0) return;
  const [first, ...more] = problems;
  throw new ProxyError({
    kind: "invalid_request",
    param: "value",
    message: `${first}${more.length === 0 ? "" : ` And ${more.length} more: see details.`} ${setting.about}`,
    details: { problems: problems.slice(0, 50) },
  });
}

function noDatabase(): ProxyError {
  return new ProxyError({
    kind: "overloaded",
    scope: "request",
    status: 503,
    code: "database_unavailable",
    message:
      'Nothing can be edited at run time, because there is no database to keep it in. Add `database: { path: ".waygate/waygate.db" }` to the config.',
  });
}

function awayOf(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  return new ProxyError({
    kind: "overloaded",
    scope: "request",
    status: 503,
    code: "database_unavailable",
    message: "The edit could not be saved, so nothing was changed. GET /health says what is wrong with the database.",
    cause: error,
  });
}

function outdated({ name, version, changed_by }: SettingDocument, seen: number): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    status: 409,
    code: "edit_conflict",
    message: `The setting "${name}" is at version ${version}${changed_by === null ? "" : `, changed by ${changed_by}`}, and the edit was made from version ${seen}. Read it again and repeat the edit.`,
    details: { version, changed_by },
  });
}
