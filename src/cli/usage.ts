/** `proxy usage`: what was used, from the running server or the database; or the ledger's rows into a file. */
import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import { askServer } from "./ask-server.ts";
import { loadSource, type Source } from "./boot.ts";
import { type Call, textOf, type Values } from "./commands.ts";
import { duration, plain } from "./layout.ts";
import { openDatabaseOf } from "./open-database.ts";
import { sharesLine, type UsageDocument, usageNotes, usageTable } from "./usage-table.ts";

const groupings = ["hour", "day", "provider", "model", "user", "group", "key"] as const;
type Grouping = (typeof groupings)[number];

interface Asked {
  readonly by: Grouping;
  readonly last: string;
  readonly span: number;
  readonly user?: string;
  readonly provider?: string;
  readonly zone: string;
}

export async function usage(call: Call): Promise<number> {
  const { terminal, values } = call;
  const asked = await askedOf(values);
  const file = textOf(values, "export");
  if (file !== undefined) return exportTo(call, file, asked);
  const { out, err, cwd } = terminal;
  const place = { cwd, file: textOf(values, "config") };
  const { server, why, main, shares } = await documents(place, asked, cwd);
  if (values["json"] === true) {
    out.line(JSON.stringify({ server: server ?? null, ...main }, undefined, 2));
    return 0;
  }
  for (const line of usageTable(main, { by: asked.by, last: asked.last }, out)) out.line(line);
  const ends = out.isTerminal ? out : err;
  if (shares !== undefined && main.totals.requests > 0) ends.line(`\n${sharesLine(shares, out)}`);
  for (const line of usageNotes(main, asked.by === "day" ? asked.zone : undefined)) ends.line(line);
  if (why !== undefined) err.line(`Read from the database: ${plain(why)}.`);
  return 0;
}

interface Documents {
  readonly server?: string;
  /** Why no server was asked. */
  readonly why?: string;
  readonly main: UsageDocument;
  /** By provider, beside days and hours. */
  readonly shares?: UsageDocument;
}

async function documents(
  place: { readonly cwd: string; readonly file: string | undefined },
  asked: Asked,
  cwd: string,
): Promise<Documents> {
  const wantsShares = asked.by === "day" || asked.by === "hour";
  const first = await askServer<UsageDocument>(place, pathOf(asked));
  if (first.server !== undefined) {
    const second = wantsShares
      ? await askServer<UsageDocument>(place, pathOf({ ...asked, by: "provider" }))
      : { server: undefined };
    return {
      server: first.server,
      main: first.document,
      ...(second.server !== undefined && { shares: second.document }),
    };
  }
  const { main, shares } = await read(first.source, cwd, asked, wantsShares);
  return { why: first.why, main, ...(shares && { shares }) };
}

async function read(
  source: Source,
  cwd: string,
  { by, span, user, provider, zone }: Asked,
  wantsShares: boolean,
): Promise<{ readonly main: UsageDocument; readonly shares?: UsageDocument }> {
  const database = await openDatabaseOf(source, cwd, { make: false });
  if (database === undefined) throw noLedger();
  try {
    const { usageReport } = await import("waygate/plugins/usage");
    const now = Date.now() + 1;
    const query = {
      from: now - span,
      to: now,
      zone,
      ...(user !== undefined && { user }),
      ...(provider && { provider }),
    };
    const main = await usageReport(database, { ...query, by });
    return { main, ...(wantsShares && { shares: await usageReport(database, { ...query, by: "provider" }) }) };
  } finally {
    await database.close();
  }
}

async function exportTo({ terminal, values }: Call, file: string, { span }: Asked): Promise<number> {
  const { cwd, err } = terminal;
  const format = file.endsWith(".csv") ? "csv" : "jsonl";
  if (file !== "-" && !/\.(?:csv|jsonl)$/.test(file)) {
    const why = "Its ending says what is written.";
    throw new ConfigError([wrongUse(`${plain(file)} ends in neither .csv nor .jsonl`, why, "--export usage.csv")]);
  }
  const database = await openDatabaseOf(await loadSource({ cwd, file: textOf(values, "config") }), cwd, {
    make: false,
  });
  if (database === undefined) throw noLedger();
  const began = performance.now();
  try {
    const { usageLines } = await import("waygate/plugins/usage");
    const now = Date.now() + 1;
    const lines = Readable.from(usageLines(database, { from: now - span, to: now, format }));
    // It names users and what they have used.
    const output = file === "-" ? process.stdout : createWriteStream(resolve(cwd, file), { mode: 0o600 });
    await pipeline(lines, output, { end: file !== "-" });
  } finally {
    await database.close();
  }
  if (file !== "-") err.line(`Written to ${plain(file)} in ${duration(performance.now() - began)}`);
  return 0;
}

async function askedOf(values: Values): Promise<Asked> {
  const { spanOf, unanswered } = await import("waygate/plugins/usage");
  const by = textOf(values, "by") ?? "day";
  const last = textOf(values, "last") ?? "7d";
  const span = spanOf(last);
  const wrong = (what: string, why: string, fix: string): ConfigError => new ConfigError([wrongUse(what, why, fix)]);
  if (!isGrouping(by))
    throw wrong(`--by ${plain(by)} groups nothing`, `It is one of ${groupings.join(", ")}.`, "--by day");
  if (span === undefined)
    throw wrong(`--last ${plain(last)} is no span`, "It is a number of m, h, d or w.", "--last 7d");
  const [user, provider] = [textOf(values, "user"), textOf(values, "provider")];
  const reason = unanswered({ by, ...(user !== undefined && { user }), ...(provider !== undefined && { provider }) });
  if (reason !== undefined) throw wrong(`--by ${by} cannot be answered`, `${reason}.`, "--by model");
  return {
    by,
    last,
    span,
    zone: textOf(values, "zone") ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(user !== undefined && { user }),
    ...(provider !== undefined && { provider }),
  };
}

function isGrouping(word: string): word is Grouping {
  return (groupings as readonly string[]).includes(word);
}

function pathOf({ by, last, user, provider, zone }: Asked): string {
  const query = new URLSearchParams({ by, last, zone, ...(user && { user }), ...(provider && { provider }) });
  return `/api/usage?${query}`;
}

function noLedger(): ConfigError {
  return new ConfigError([
    {
      code: "not_available_yet",
      path: [],
      what: "Nothing has been written down yet",
      why: "There is no database: no proxy with usage() has run here.",
      fix: 'List usage() from "waygate/plugins/usage" in plugins and start the proxy.',
    },
  ]);
}
