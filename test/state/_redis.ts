/** A Redis of its own for one test file: on a free port of loopback, in a folder that is removed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, killed } from "../_processes.ts";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Dies at once, as with `kill -9`. */
  kill(): Promise<void>;
  /** Comes up again on the same port, without its data. */
  start(): Promise<void>;
  /** Stands still; connections stay and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** One command on a connection of its own; the raw answer. */
  ask(...parts: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const binary = ["redis-server", "valkey-server"].find((name) => spawnSync(name, ["--version"]).status === 0);

/** False where no server is installed; then it is said once, and tests that need one are skipped. */
export const hasRedis: boolean = binary !== undefined;
if (!hasRedis) {
  process.stderr.write("skipped: neither redis-server nor valkey-server is installed (apt-get install redis-server)\n");
}

export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "waygate-redis-"));
  const port = await freePort();
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    child = spawn(
      binary!,
      ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", "", "--appendonly", "no", ...options],
      { stdio: "ignore" },
    );
    for (let tries = 0; tries < 200; tries++) {
      if (/^(?:\+PONG|-NOAUTH)/.test(await ask(port, ["PING"]).catch(() => ""))) return;
      await sleep(25);
    }
    throw new Error(`redis-server does not answer on port ${port}`);
  };
  const kill = async (): Promise<void> => {
    const dying = child;
    child = undefined;
    await killed(dying, "SIGKILL");
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    ask: (...parts) => ask(port, parts),
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The answer as it is on the wire, up to the first pause: enough for what tests ask. */
async function ask(port: number, parts: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    const words = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    socket.write(`*${parts.length}\r\n${words.join("")}`);
    const [data] = (await once(socket, "data")) as [Buffer];
    return data.toString();
  } finally {
    socket.destroy();
  }
}
