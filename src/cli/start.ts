/** `proxy start`: serves until a signal ends it. */
import { createLog } from "../log.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { createProxy, internalsOf } from "../proxy.ts";
import type { Proxy, ProxyOptions } from "../proxy-options.ts";
import { serve, type Serving } from "../serve.ts";
import { announce } from "./announce.ts";
import { addressOf, type Address, listenProblem } from "./address.ts";
import { loadSource, type Source, withPlaces } from "./boot.ts";
import { type Call, textOf, type Values } from "./commands.ts";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { problemText } from "./print-error.ts";
import { jsonLine, readableLine } from "./request-line.ts";
import { keepReloading } from "./reload.ts";
import { rootFolder } from "./run-file.ts";
import { banner } from "./start-banner.ts";
import type { Terminal } from "./terminal.ts";
import { countUses, type Uses } from "./uses.ts";
import { warningsOf } from "./warnings.ts";

export async function start({ terminal, values }: Call): Promise<number> {
  const { err, env, cwd } = terminal;
  const requestLog = values["enable-request-logging"] === true;
  const source = await loadSource({ cwd, file: textOf(values, "config"), requestLog });
  const log = createLineWriter(process.stderr);
  const uses = countUses();
  const disk = diskProblems(terminal, source);
  const options = proxyOptions(terminal, values, { log, uses, onProblem: disk.add });
  const flags = { host: textOf(values, "host"), port: textOf(values, "port") };
  const address = addressOf({ flags, env, server: source.config.server });
  const proxy = await withPlaces(source, async () => createProxy(source.config, options(source)));
  const serving = await listen(source, proxy, address);
  const announced = await announce({ terminal, source, proxy, serving, uses });

  err.line(banner({ terminal, proxy, source, url: serving.url, ms: performance.now() }));
  for (const problem of [...warningsOf(source, proxy), ...disk.sinceStart(announced.problem)]) {
    err.line(problemText(err, [problem], { file: source.file, source: source.text, cwd }, "!"));
  }
  const signal = firstSignal();
  const reloading =
    values["watch"] === true
      ? keepReloading({ terminal, serving, source, proxy, options, log, grant: announced.grant, requestLog })
      : undefined;

  const name = await signal;
  announced.withdraw();
  log.flush();
  const last = reloading?.stop() ?? proxy;
  const { drain } = last.config.server;
  err.line(err.style.dim(`${name}: no new requests; those under way have ${drain / 1000} s. Again: end at once.`));
  // The other signal may come before they have ended.
  void internalsOf(last).durable.database?.flush();
  await serving.close(drain);
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
  readonly onProblem: (problem: ConfigProblem) => void;
}

interface DiskProblems {
  add(problem: ConfigProblem): void;
  /** Those so far; from now on they are printed as they come. */
  sinceStart(unannounced: ConfigProblem | undefined): readonly ConfigProblem[];
}

/** Before the banner they would be overlooked. A folder that cannot be written is said once, whoever met it. */
function diskProblems({ err, cwd }: Terminal, { file, text }: Source): DiskProblems {
  let early: ConfigProblem[] | undefined = [];
  return {
    add(problem) {
      if (early === undefined) err.line(problemText(err, [problem], { file, source: text, cwd }, "!"));
      else early.push(problem);
    },
    sinceStart(unannounced) {
      const met = early ?? [];
      early = undefined;
      if (unannounced === undefined) return met;
      const others = met.filter(({ code }) => code !== unannounced.code);
      if (others.length === met.length) return [...met, unannounced];
      return [
        ...others,
        { ...unannounced, why: `${unannounced.why} A restart forgets what rests and what is counted.` },
      ];
    },
  };
}

/** The request line follows the config that is in force. */
function proxyOptions(terminal: Terminal, values: Values, sinks: Sinks): (source: Source) => ProxyOptions {
  const { log, uses, onProblem } = sinks;
  const flag = values["log-requests"] ?? values["enable-request-logging"];
  const { err, cwd } = terminal;
  const format = err.isTerminal ? readableLine(err.style, err.marks) : jsonLine();
  return ({ config, file }) => {
    const { requests = true, level = "info" } = config.log ?? {};
    const isWanted = typeof flag === "boolean" ? flag : requests && (level === "info" || level === "debug");
    return {
      log: createLog(level),
      // Whoever runs a server expects that a restart knows which keys are spent.
      database: true,
      root: rootFolder(file, cwd),
      onProblem,
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
