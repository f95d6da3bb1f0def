/** One client against one protocol: a turn with a tool call, in folders of its own, and what came of it. */
import { mkdtemp, rm, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy } from "waygate/testing";
import type { ProtocolId } from "../sdk/wire/types.ts";
import type { Client } from "./clients.ts";
import { type Ran, runProgram } from "./process.ts";
import { createSink } from "./sink.ts";
import { scriptedModel } from "./upstream.ts";

export interface TurnOptions {
  /** Folder with the clients' commands. */
  readonly bin: string;
  /** Milliseconds for the client. */
  readonly limit: number;
  /** Leaves the proxy out: the client against an upstream of its own protocol. */
  readonly direct: boolean;
}

export interface TurnReport {
  /** What went wrong; empty when all is well. */
  readonly faults: readonly string[];
  readonly ran: Ran;
  /** Addresses outside loopback that the client asked for. */
  readonly wanted: readonly string[];
  /** Bodies of the requests, as the upstream got them. */
  readonly requests: readonly { readonly line: string; readonly body: string }[];
  /** Lines of the proxy's log. */
  readonly logged: readonly string[];
}

const key = "client-key";
export async function runTurn(client: Client, protocol: ProtocolId, options: TurnOptions): Promise<TurnReport> {
  const root = await mkdtemp(join(tmpdir(), "waygate-clients-"));
  const [home, folder] = [join(root, "home"), join(root, "work")];
  await Promise.all([mkdir(home), mkdir(folder)]);
  const word = `heron${Math.random().toString(36).slice(2, 10)}`;
  const file = join(folder, "secret.txt");
  await writeFile(file, `${word}\n`);
  const sink = await createSink();
  const { upstream, seen } = await scriptedModel(protocol, client, { file, word });
  const proxy = options.direct ? undefined : await startProxy(upstream.url, protocol);
  try {
    const prompt = "Read the file secret.txt in the working folder and tell me the word in it.";
    const origin = proxy?.url ?? new URL(upstream.url).origin;
    const start = await client.prepare({ origin, key, model: client.model, home, folder, prompt });
    const ran = await runProgram(join(options.bin, client.command), start.args, {
      cwd: folder,
      env: { ...quietEnvironment(home, sink.url), ...start.env },
      limit: options.limit,
    });
    const faults = [
      ran.late && `no end within ${options.limit / 1000} s`,
      !ran.late && ran.code !== 0 && `exit code ${ran.code ?? "none, ended by a signal"}`,
      !seen.called && "the upstream was not asked with a tool that reads a file",
      seen.called && seen.result === undefined && "no result of the tool came back",
      seen.result !== undefined && !seen.result.includes(word) && `the result lacks the word: ${seen.result}`,
      !ran.stdout.includes(word) && "the client did not print the word",
    ];
    return {
      faults: faults.filter((fault) => fault !== false),
      ran,
      wanted: [...sink.wanted],
      requests: upstream.requests.map(({ method, path, body }) => ({ line: `${method} ${path}`, body })),
      logged: proxy?.logged ?? [],
    };
  } finally {
    await proxy?.close();
    await Promise.all([upstream.close(), sink.close()]);
    await rm(root, { recursive: true, force: true });
  }
}

function startProxy(baseURL: string, protocol: ProtocolId): Promise<TestProxy> {
  const lab = openaiCompatible({ name: "lab", baseURL, protocol, keys: ["upstream-key"], models: ["m"] });
  return createTestProxy({
    listen: true,
    plugins: [proxyKey({ keys: [key] }), lab],
    // Clients use a second, smaller model of their vendor's for titles and the like.
    models: { "gpt-*": "lab/m", "claude-*": "lab/m", "gemini-*": "lab/m" },
  });
}

/** Nothing of the caller's but the way to its programs: no settings, no keys, no home. */
function quietEnvironment(home: string, sink: string): { readonly [name: string]: string } {
  const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  const proxies = Object.fromEntries(
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"].map((name) => [name, sink]),
  );
  return {
    PATH: path,
    HOME: home,
    USERPROFILE: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local", "share"),
    XDG_STATE_HOME: join(home, ".local", "state"),
    XDG_CACHE_HOME: join(home, ".cache"),
    LANG: "C.UTF-8",
    TERM: "dumb",
    NO_COLOR: "1",
    CI: "1",
    DO_NOT_TRACK: "1",
    ...proxies,
    NO_PROXY: "127.0.0.1,localhost",
    no_proxy: "127.0.0.1,localhost",
  };
}
