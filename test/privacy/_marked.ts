/** One proxy with everything that keeps something, asked with words that occur nowhere else. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { rotate } from "waygate/plugins/rotate";
import { sticky } from "waygate/plugins/sticky";
import { usage } from "waygate/plugins/usage";
import { users } from "waygate/plugins/users";
import { answer, createTestProxy, createUpstream, status, type Step, type TestProxy } from "waygate/testing";
import { jsonLine, readableLine } from "../../src/cli/request-line.ts";
import { createTerminal } from "../../src/cli/terminal.ts";

/** By what they stand for in the table of the page. No two are alike, and none is a word. */
export const markers = {
  prompt: "zqPROMPTzq1",
  "system prompt": "zqSYSTEMzq2",
  "tool and its arguments": "zqTOOLzq3",
  answer: "zqANSWERzq4",
  "user's token": "zqTOKENzq5aaaaaaaaaaaaaaaaaaaaaaaaaa",
  "provider's key": "zqPROVKEYzq6bbbbbbbbbbbbbbbb",
  address: "203.0.113.77",
  "user agent": "zqAGENTzq7",
  "name of the conversation": "zqSESSIONzq8",
  "user's name": "zqNAMEzq9",
  "note about the user": "zqNOTEzq0",
  "request id": "zqREQUESTzqA",
  tag: "zqTAGzqB",
  "model asked for": "zqMODELzqC",
} as const;

export type Marked = keyof typeof markers;

export interface Found {
  /** `table.column` of the database, sorted, of every text that holds it. */
  readonly columns: readonly string[];
  /** Whether it is anywhere in the bytes of the database's files. */
  readonly database: boolean;
  readonly log: boolean;
  /** Other files of the data folder that hold it, below `dataDir`. */
  readonly files: readonly string[];
}

const adminKey = "the-administrator-of-this-test";

/** `open`: nobody has to say who they are. */
export async function runMarked(
  plugins: readonly PluginInput[] = [],
  open = false,
): Promise<{ found(marked: Marked): Found; readonly files: readonly string[]; readonly requests: number }> {
  const folder = mkdtempSync(join(tmpdir(), "waygate-privacy-"));
  const data = join(folder, ".waygate");
  const upstream = await createUpstream();
  const proxy = await createTestProxy({
    plugins: [
      !open && users(),
      openaiCompatible({
        name: "lab",
        baseURL: upstream.url,
        keys: [`${markers["provider's key"]}1`, `${markers["provider's key"]}2`],
        models: [markers["model asked for"]],
      }),
      limits({ client: { rpm: 100, tpm: 1_000_000 }, keys: { rpm: 100 } }),
      rotate(),
      cooldown(),
      sticky(),
      usage(),
      ...plugins,
    ],
    dataDir: data,
    database: { path: join(data, "waygate.db") },
    server: { trustProxy: true },
    listen: true,
    adminKey,
    faults: /./,
  });
  if (!open) await addUser(proxy);

  const answers = answer({
    text: markers.answer,
    tools: [{ name: "look", arguments: { at: markers["tool and its arguments"] } }],
  });
  /** The first key is limited, and the upstream says so with all it was sent. */
  const step: Step = ({ index, key, body }) =>
    index === 0
      ? status(429, { error: { message: `${key} of ${markers.address} is limited: ${body}` } }, { "retry-after": "60" })
      : answers;
  const ask = async (path: string, body: object): Promise<void> => {
    const response = await proxy.fetch(path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${markers["user's token"]}`,
        "content-type": "application/json",
        "user-agent": markers["user agent"],
        "x-forwarded-for": markers.address,
        "x-request-id": markers["request id"],
        "x-waygate-session": markers["name of the conversation"],
        "x-waygate-tags": markers.tag,
        cookie: `token=${markers["user's token"]}`,
      },
      body: JSON.stringify(body),
    });
    await response.text();
  };
  const model = `lab/${markers["model asked for"]}`;
  const chat = {
    model,
    messages: [
      { role: "system", content: markers["system prompt"] },
      { role: "user", content: markers.prompt },
    ],
    tools: [{ type: "function", function: { name: "look", description: markers["tool and its arguments"] } }],
    user: markers.prompt,
  };
  let requests = 0;
  const each = async (path: string, body: object): Promise<void> => {
    requests++;
    await ask(path, body);
  };
  upstream.always(step);
  for (const stream of [false, true]) {
    await each("/v1/chat/completions", { ...chat, stream });
    await each("/v1/messages", {
      model,
      max_tokens: 9,
      system: markers["system prompt"],
      messages: [{ role: "user", content: markers.prompt }],
      stream,
    });
    await each("/v1/responses", { model, input: markers.prompt, instructions: markers["system prompt"], stream });
  }
  await each("/v1/embeddings", { model, input: markers.prompt });
  await each("/v1/chat/completions", { ...chat, messages: markers.prompt });
  await proxy.recorded(requests);
  await proxy.app.database?.flush();
  // What is in the log of writes is in the file only after the end.
  const early = textsIn(data);

  const readable = readableLine(createTerminal({ color: false }).err.style, (text) => text);
  const lines = proxy.records.flatMap(({ outcome, ctx }) => [jsonLine()(outcome, ctx), readable(outcome, ctx)]);
  await proxy.close();
  const log = [...proxy.logged, ...lines].join("\n");
  const late = textsIn(data);
  const files = [...new Set([...early.keys(), ...late.keys()])].sort();
  const texts = new Map(files.map((file) => [file, `${early.get(file) ?? ""}${late.get(file) ?? ""}`]));
  const rows = rowsIn(join(data, "waygate.db"));
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
  const isDatabase = (file: string): boolean => file.startsWith("waygate.db");
  return {
    files,
    requests,
    found(marked) {
      const holds = (text: string): boolean => text.toLowerCase().includes(markers[marked].toLowerCase());
      return {
        columns: [...new Set(rows.filter(({ text }) => holds(text)).map(({ place }) => place))].sort(),
        database: files.some((file) => isDatabase(file) && holds(texts.get(file)!)),
        log: holds(log),
        files: files.filter((file) => !isDatabase(file) && (holds(texts.get(file)!) || holds(file))),
      };
    },
  };
}

async function addUser(proxy: TestProxy): Promise<void> {
  const made = await proxy.fetch("/api/users", {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      token: markers["user's token"],
      name: markers["user's name"],
      note: markers["note about the user"],
      quotas: [{ family: "*", unit: "tokens", period: "daily", amount: 1_000_000 }],
      max_ips: 3,
    }),
  });
  if (made.status !== 201) throw new Error(`no user: ${await made.text()}`);
}

/** Files below a folder, by their path in it. */
function textsIn(folder: string): ReadonlyMap<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, "latin1")]),
  );
}

/** Tables and their columns. */
export function columnsIn(path: string): { readonly [table: string]: readonly string[] } {
  const database = new DatabaseSync(path);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return Object.fromEntries(
      tables
        .map(({ name }) => String(name))
        .filter((name) => !name.startsWith("sqlite_"))
        .map((name) => [
          name,
          database
            .prepare(`SELECT name FROM pragma_table_info('${name}')`)
            .all()
            .map((row) => String(row["name"])),
        ]),
    );
  } finally {
    database.close();
  }
}

function rowsIn(path: string): readonly { readonly place: string; readonly text: string }[] {
  const tables = Object.keys(columnsIn(path));
  const database = new DatabaseSync(path);
  try {
    return tables.flatMap((table) =>
      database
        .prepare(`SELECT * FROM ${table}`)
        .all()
        .flatMap((row) =>
          Object.entries(row).map(([column, value]) => ({ place: `${table}.${column}`, text: String(value) })),
        ),
    );
  } finally {
    database.close();
  }
}
