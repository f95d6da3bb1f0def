/** `proxy credentials list [PROVIDER]`. */
import { normalizeId } from "../candidates/keys.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import { type Call, textOf } from "./commands.ts";
import type { Desk } from "./credentials-desk.ts";
import { collectRows, type Row, rowDocument, type RowState, wantsPerson } from "./credentials-rows.ts";
import { markOf, shownStates } from "./keys.ts";
import { back, count, plain, table } from "./layout.ts";
import type { Out } from "./terminal.ts";

export async function listCredentials(
  desk: Desk,
  { values, operands }: Pick<Call, "values" | "operands">,
): Promise<number> {
  const { out, err } = desk.terminal;
  const { server, silence, rows: all } = await collectRows(desk);
  const rows = wantedRows(all, { provider: operands[0], state: textOf(values, "state"), act: "list" });
  if (desk.json) {
    out.line(JSON.stringify({ server: server ?? null, credentials: rows.map(rowDocument) }, undefined, 2));
    return 0;
  }
  for (const line of rowsTable(rows, out)) out.line(line);
  const end = out.isTerminal ? out : err;
  const accounts = rows.filter(({ type }) => type === "account").length;
  end.line(`${count(accounts, "account")}, ${count(rows.length - accounts, "key")}`);
  if (silence !== undefined) err.line(`No state is known: ${plain(silence)}. To start one: proxy start`);
  const { dim, cyan } = err.style;
  if (rows.some(({ state }) => state === "unlisted")) {
    err.line(`‖ unlisted: no plugin of the config uses them. To be told the line: ${cyan("proxy login PROVIDER")}`);
  }
  if (rows.some(wantsPerson)) err.line(`${dim("next")}  ${cyan("proxy credentials check --state need-you")}`);
  else if (rows.length === 0)
    err.line(`${dim("next")}  ${cyan("proxy login PROVIDER")} or ${cyan("proxy credentials add PROVIDER")}`);
  return 0;
}

const needYou = "need-you";
const states: readonly string[] = [needYou, ...shownStates, "broken", "unlisted"];

export interface Wanted {
  readonly provider: string | undefined;
  readonly state: string | undefined;
  /** For what to write instead. */
  readonly act: string;
}

/** Throws a `ConfigError` of wrong use for a provider or a state that is not there. */
export function wantedRows(rows: readonly Row[], { provider, state, act }: Wanted): readonly Row[] {
  const known = [...new Set(rows.map((row) => row.provider))];
  if (provider !== undefined && !known.some((id) => normalizeId(id) === normalizeId(provider))) {
    const near = nearest(provider, known);
    const fix = near === undefined ? "proxy credentials list" : `proxy credentials ${act} ${near}`;
    const why = known.length === 0 ? "Nothing has one." : `There are some of ${known.join(", ")}.`;
    throw new ConfigError([wrongUse(`There is no credential of ${JSON.stringify(plain(provider))}`, why, fix)]);
  }
  if (state !== undefined && !states.includes(state)) {
    const fix = `proxy credentials ${act} --state ${nearest(state, states) ?? needYou}`;
    const what = `There is no state ${JSON.stringify(plain(state))}`;
    throw new ConfigError([wrongUse(what, `The states are ${states.join(", ")}.`, fix)]);
  }
  return rows.filter(
    (row) =>
      (provider === undefined || normalizeId(row.provider) === normalizeId(provider)) &&
      (state === undefined || (state === needYou ? wantsPerson(row) : row.state === state)),
  );
}

const columns = [
  { head: "CREDENTIAL", fit: "middle" },
  { head: "STATE" },
  { head: "BACK" },
  { head: "KEPT IN", fit: "drop" },
  { head: "WHY", fit: "below" },
] as const;

function rowsTable(rows: readonly Row[], out: Out): string[] {
  if (!out.isTerminal) {
    return rows.map(({ provider, type, name, email, state, until, place, why }) =>
      [provider, type, plain(name), plain(email ?? ""), state, until ?? "", place ?? "", plain(why ?? "")].join("\t"),
    );
  }
  const groups = [...Map.groupBy(rows, ({ provider }) => provider)];
  const cells = groups.flatMap(([provider, group]) => [
    [out.style.bold(plain(provider)), "", "", "", ""],
    ...group.map((row) => [
      `${rowMark(row.state, out)} ${plain(row.email ?? row.name)}`,
      row.state,
      wantsPerson(row) ? "needs you" : row.until === undefined ? "" : back(Date.parse(row.until), Date.now()),
      plain(row.state === "broken" ? "" : (row.place ?? "")),
      // Where a broken file is matters more than the column for all the others.
      plain(row.state === "broken" ? `${row.place ?? ""}: ${row.why ?? ""}` : (row.why ?? "")),
    ]),
  ]);
  return cells.length === 0 ? [] : table(out, columns, cells);
}

export function rowMark(state: RowState, out: Out): string {
  if (state === "broken") return markOf("invalid", out.style);
  return markOf(state === "unlisted" ? "disabled" : state, out.style);
}
