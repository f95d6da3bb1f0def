/** `proxy start`: serves until a signal ends it. */
import { createLog } from "../log.ts";
import { ConfigError } from "../config/problem.ts";
import { createProxy, type Proxy, type ProxyOptions } from "../proxy.ts";
import { serve, type Serving } from "../serve.ts";
import { announce } from "./announce.ts";
import { addressOf, type Address, listenProblem } from "./address.ts";
import { loadSource, type Source, withPlaces } from "./boot.ts";
import { type Call, textOf, type Values } from "./commands.ts";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { problemText } from "./print-error.ts";
import { jsonLine, readableLine } from "./request-line.ts";
import { keepReloading } from "./reload.ts";
import { banner } from "./start-banner.ts";
import type { Terminal } from "./terminal.ts";
import { countUses, type Uses } from "./uses.ts";
import { warningsOf } from "./warnings.ts";

/** Milliseconds that requests under way have to end after the first signal. */
const DRAIN = 10_000;

export async function start({ terminal, values }: Call): Promise<number> {
  const { err, env, cwd } = terminal;
  const source = await loadSource({ cwd, file: textOf(values, "config") });
  const log = createLineWriter(process.stderr);
  const uses = countUses();
  const options = proxyOptions(terminal, values, { log, uses });
  const flags = { host: textOf(values, "host"), port: textOf(values, "port") };
  const address = addressOf({ flags, env, server: source.config.server });
  const proxy = await withPlaces(source, async () => createProxy(source.config, options(source)));
  const serving = await listen(source, proxy, address);
  const announced = await announce({ terminal, source, proxy, serving, uses });

  err.line(banner({ terminal, proxy, source, url: serving.url, ms: performance.now() }));
  for (const problem of warningsOf(source, proxy)) {
    err.line(problemText(err, [problem], { file: source.file, source: source.text, cwd }, "!"));
  }
  const signal = firstSignal();
  const reloading =
    values["watch"] === true
      ? keepReloading({ terminal, serving, source, proxy, options, log, grant: announced.grant })
      : undefined;

  const name = await signal;
  announced.withdraw();
  log.flush();
  err.line(err.style.dim(`${name}: no new requests; those under way have ${DRAIN / 1000} s. Again: end at once.`));
  const last = reloading?.stop() ?? proxy;
  await serving.close(DRAIN);
  try {
    await last.close();
  } finally {
    log.flush();
  }
  // A plugin that leaves something running must not keep the process.
  setTimeout(() => process.exit(), 1000).unref();
  return 0;
}

interface Sinks {
  readonly log: LineWriter;
  readonly uses: Uses;
}

/** The request line follows the config that is in force. */
function proxyOptions(terminal: Terminal, values: Values, { log, uses }: Sinks): (source: Source) => ProxyOptions {
  const flag = values["log-requests"] ?? values["enable-request-logging"];
  const { err } = terminal;
  const format = err.isTerminal ? readableLine(err.style, err.marks) : jsonLine();
  return ({ config }) => {
    const { requests = true, level = "info" } = config.log ?? {};
    const isWanted = typeof flag === "boolean" ? flag : requests && (level === "info" || level === "debug");
    return {
      log: createLog(level),
      onRequest(outcome, ctx) {
        uses.add(ctx.attempts);
        if (isWanted) log.line(format(outcome, ctx));
      },
    };
  };
}

async function listen(source: Source, proxy: Proxy, address: Address): Promise<Serving> {
  const { host, port } = address;
  try {
    return await withPlaces(source, () => serve(proxy, { host: host.value, port: port.value }));
  } catch (error) {
    await proxy.close();
    if (ConfigError.is(error) && !host.from.startsWith("server.")) throw fromElsewhere(error, host.value, host.from);
    const problem = await listenProblem(error, address);
    throw problem === undefined ? error : new ConfigError([problem], { cause: error });
  }
}

/** The host that is refused was not the config's. */
function fromElsewhere(error: ConfigError, host: string, from: string): ConfigError {
  const place = `${from}${from.startsWith("--") ? " " : "="}${host}`;
  const problems = error.problems.map(({ position: _, ...problem }) =>
    problem.code === "auth_required" ? { ...problem, path: [], file: place } : problem,
  );
  return new ConfigError(problems, { cause: error.cause });
}

/** Resolves with the first signal that asks to end; the second ends the process at once. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = (name: string): void => {
      if (++count > 1) process.exit(1);
      resolve(name);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
