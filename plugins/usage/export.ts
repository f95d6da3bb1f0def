/** The rows of the ledger, one request each, as a stream of CSV or of JSON lines. */
import type { Database, SqlRow, SqlValue } from "waygate";

export interface ExportQuery {
  /** Epoch milliseconds; `to` is not in it any more. */
  readonly from: number;
  readonly to: number;
  readonly format: "csv" | "jsonl";
}

const PAGE = 1000;
const columns = [
  ...["id", "request_id", "at", "user_id", "group_id", "protocol", "operation", "asked", "provider", "model"],
  ...["credential", "status", "ended", "error", "stream", "fell_back", "input", "output", "cached", "cache_write"],
  ...["reasoning", "cost", "duration", "first_byte", "attempts", "tags", "ip"],
] as const;

/** Lines with their ends, oldest first. Times are ISO 8601. */
export async function* usageLines(database: Database, { from, to, format }: ExportQuery): AsyncGenerator<string> {
  if (format === "csv") yield `${columns.join(",")}\r\n`;
  let after: readonly SqlValue[] = [from, -1];
  for (;;) {
    const rows = await database.read(
      `SELECT ${columns.join(", ")} FROM usage WHERE (at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT ${PAGE}`,
      ...after,
      to,
    );
    if (rows.length === 0) return;
    yield rows.map((row) => (format === "csv" ? csvLine(row) : jsonLine(row))).join("");
    const last = rows.at(-1)!;
    after = [last["at"]!, last["id"]!];
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

function jsonLine(row: SqlRow): string {
  const { at, attempts, tags, stream, fell_back, user_id, group_id, ...rest } = row;
  const parsed = {
    ...{ user: user_id, group: group_id, stream: stream === 1, fell_back: fell_back === 1 },
    ...{ attempts: parse(attempts), tags: parse(tags) },
  };
  return `${JSON.stringify({ at: new Date(Number(at)).toISOString(), ...rest, ...parsed })}\n`;
}

function parse(value: SqlValue | undefined): unknown {
  return typeof value === "string" ? (JSON.parse(value) as unknown) : null;
}

function csvLine(row: SqlRow): string {
  return `${columns.map((name) => field(name === "at" ? new Date(Number(row[name])).toISOString() : row[name]!)).join(",")}\r\n`;
}

/** RFC 4180. What a spreadsheet would take for a formula is text: names of models are the clients' to choose. */
function field(value: SqlValue): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
