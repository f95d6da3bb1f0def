/** A PostgreSQL of its own for one test file: on a free port of loopback, in a folder that is removed. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, killed } from "../_processes.ts";

export interface PostgresServer {
  readonly port: number;
  /** Of the database `waygate`, with a password. */
  readonly url: string;
  /** Dies at once, as with `kill -9`; its data stays. */
  kill(): Promise<void>;
  /** Comes up again on the same port with its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const folders = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt/postgresql@17"];

function binaryOf(name: string): string | undefined {
  if (spawnSync(name, ["--version"]).status === 0) return name;
  const found = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((version) => join(folder, version, "bin", name)));
  return found.findLast((path) => existsSync(path));
}

/** The server does not run as root. */
function otherUser(): { readonly uid?: number; readonly gid?: number } | undefined {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, "postgres"]).stdout?.toString()));
  return uid ? { uid, gid: gid! } : undefined;
}

const [initdb, postgres] = [binaryOf("initdb"), binaryOf("postgres")];
const user = otherUser();

/** False where no server is installed; then it is said once, and tests that need one are skipped. */
export const hasPostgres: boolean = initdb !== undefined && postgres !== undefined && user !== undefined;
if (!hasPostgres) process.stderr.write("skipped: PostgreSQL is not installed (apt-get install postgresql)\n");

export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "waygate-postgres-"));
  if (user?.uid !== undefined) chownSync(folder, user.uid, user.gid!);
  const data = join(folder, "data");
  const port = await freePort();
  execFileSync(initdb!, ["-D", data, "-U", "waygate", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], {
    ...user,
    cwd: folder,
    stdio: "ignore",
  });
  let child: ChildProcess | undefined;
  const options = ["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=40"];

  const start = async (): Promise<void> => {
    const words = ["-D", data, "-p", String(port), "-k", folder, ...options.flatMap((option) => ["-c", option])];
    child = spawn(postgres!, words, { ...user, cwd: folder, stdio: "ignore" });
    const { default: pg } = await import("pg");
    for (let tries = 0; tries < 400; tries++) {
      const client = new pg.Client({ host: "127.0.0.1", port, user: "waygate", database: "postgres" });
      client.on("error", () => undefined);
      try {
        await client.connect();
        const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'waygate'");
        if (rowCount === 0) await client.query("CREATE DATABASE waygate");
        await client.end();
        return;
      } catch {
        await sleep(25); // Not up yet.
      }
    }
    throw new Error(`postgres does not answer on port ${port}`);
  };
  const kill = async (): Promise<void> => {
    const dying = child;
    child = undefined;
    // Its children would hold the shared memory for a moment longer.
    await killed(dying, "SIGQUIT");
  };
  await start();
  return {
    port,
    url: `postgres://waygate:s3cret-pass@127.0.0.1:${port}/waygate`,
    kill,
    start,
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
