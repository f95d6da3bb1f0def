/** The rows of the ledger, one request each, as a stream of CSV or of JSON lines. */
import { type Database, type DatabaseTables, prepared } from "waygate";
import type { Selectable } from "kysely";

export interface ExportQuery {
  /** Epoch milliseconds; `to` is not in it any more. */
  readonly from: number;
  readonly to: number;
  readonly format: "csv" | "jsonl";
}

type Row = Selectable<DatabaseTables["usage"]>;

const PAGE = 1000;
const columns = [
  ...["id", "request_id", "at", "user_id", "group_id", "protocol", "operation", "asked", "provider", "model"],
  ...["credential", "status", "ended", "error", "stream", "fell_back", "input", "output", "cached", "cache_write"],
  ...["reasoning", "cost", "duration", "first_byte", "attempts", "tags", "ip"],
] as const satisfies readonly (keyof Row)[];

/** Lines with their ends, oldest first. Times are ISO 8601. */
export async function* usageLines(database: Database, { from, to, format }: ExportQuery): AsyncGenerator<string> {
  if (format === "csv") yield `${columns.join(",")}\r\n`;
  const builder = await database.builder();
  const page = prepared(({ at, id }: { readonly at: number; readonly id: number }) =>
    builder
      .selectFrom("usage")
      .select(columns)
      .where(({ eb, refTuple, tuple }) => eb(refTuple("at", "id"), ">", tuple(at, id)))
      .where("at", "<", to)
      .orderBy("at")
      .orderBy("id")
      .limit(PAGE),
  );
  let after = { at: from, id: -1 };
  for (;;) {
    const rows = await database.read(page.with(after));
    if (rows.length === 0) return;
    yield rows.map((row) => (format === "csv" ? csvLine(row) : jsonLine(row))).join("");
    after = rows.at(-1)!;
  }
}

export function exportRows(database: Database, query: ExportQuery): Response {
  const lines = usageLines(database, query);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void (await lines.return(undefined)),
  });
  const type = query.format === "csv" ? "text/csv; charset=utf-8" : "application/jsonl";
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
}

function jsonLine(row: Row): string {
  const { at, attempts: _, tags, stream, fell_back, user_id, group_id, ...rest } = row;
  const parsed = {
    ...{ user: user_id, group: group_id, stream: stream === 1, fell_back: fell_back === 1 },
    ...{ attempts: attemptsOf(row), tags: parse(tags) },
  };
  return `${JSON.stringify({ at: new Date(at).toISOString(), ...rest, ...parsed })}\n`;
}

function parse(value: string | null): unknown {
  return value === null ? null : (JSON.parse(value) as unknown);
}

/** Those that are not kept: none, or one of which the row says all. */
function attemptsOf({ attempts, provider, model, credential, status, duration }: Row): unknown {
  if (attempts !== null) return parse(attempts);
  return provider === "" ? [] : [{ provider, model, credential, status, ms: duration }];
}

function csvLine(row: Row): string {
  const shown = { ...row, at: new Date(row.at).toISOString(), attempts: JSON.stringify(attemptsOf(row)) };
  return `${columns.map((name) => field(shown[name])).join(",")}\r\n`;
}

/** RFC 4180. What a spreadsheet would take for a formula is text: names of models are the clients' to choose. */
function field(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
