/** `--watch`: a changed config replaces the running one, whole or not at all. */
import { ConfigError } from "../config/problem.ts";
import { createReloader } from "../load/reload.ts";
import { watchConfig } from "../load/watch.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy, ProxyOptions } from "../proxy-options.ts";
import type { AdminGrant } from "../server/admin-access.ts";
import type { Serving } from "../serve.ts";
import { boot, loadSource, nameOf, type Source, withPlaces } from "./boot.ts";
import { countKeys, racksOf } from "./keys.ts";
import { count, duration } from "./layout.ts";
import type { LineWriter } from "./line-writer.ts";
import { printError, problemText } from "./print-error.ts";
import type { Terminal } from "./terminal.ts";
import { warningsOf } from "./warnings.ts";

export interface ReloadInit {
  readonly terminal: Terminal;
  readonly serving: Serving;
  readonly source: Source;
  readonly proxy: Proxy;
  readonly options: (source: Source) => ProxyOptions;
  readonly log: LineWriter;
  /** What the proxy before had: the commands go on asking. */
  readonly grant: AdminGrant;
  readonly requestLog?: boolean;
}

export interface Reloading {
  /** Ends the watching; returns the proxy in force, which is the caller's to close. */
  stop(): Proxy;
}

interface Started {
  readonly source: Source;
  readonly proxy: Proxy;
  readonly ms: number;
}

export function keepReloading({ terminal, serving, options, log, grant, requestLog, ...init }: ReloadInit): Reloading {
  const { err, cwd } = terminal;
  let { source, proxy } = init;
  let stopped = false;
  const { file } = source;
  if (file === undefined) {
    err.line("There is no config file to watch.");
    return { stop: () => proxy };
  }

  const load = async (): Promise<Started> => {
    const began = performance.now();
    const next = await loadSource({ cwd, file, requestLog });
    // What rests goes on resting and what is counted goes on: keys keep their ids over a reload. While the old proxy
    // finishes what it has, both keep every limit together.
    const { rests, durable, memory, places, clock } = internalsOf(proxy);
    const started = await boot(next, options(next), { rests, durable, memory, places, clock });
    internalsOf(started).admin.grant(grant);
    return { source: next, proxy: started, ms: performance.now() - began };
  };

  const apply = async (next: Started): Promise<void> => {
    if (stopped) return next.proxy.close();
    const old = proxy;
    let idle: Promise<void>;
    try {
      ({ idle } = await withPlaces(next.source, async () => ({ idle: serving.swap(next.proxy) })));
    } catch (error) {
      await next.proxy.close();
      throw error;
    }
    internalsOf(old).durable.retire();
    const restart = needsRestart(source, next.source);
    ({ source, proxy } = next);
    watcher.update(source.files);
    log.flush();
    const { usable, all } = countKeys(racksOf(internalsOf(proxy).pipeline.app));
    err.line(
      `${err.style.green("✔")} reloaded ${nameOf(source, cwd)} in ${duration(next.ms)}, ${usable} of ${count(all, "key")} usable`,
    );
    for (const problem of warningsOf(source, proxy)) {
      err.line(problemText(err, [problem], { file: source.file, source: source.text, cwd }, "!"));
    }
    if (restart.length > 0) err.line(`${err.style.yellow("!")} ${restart.join(", ")} changed: that needs a restart.`);
    // Requests under way finish on the old one; its plugins and connections live until then.
    void idle.then(() => old.close()).catch((error: unknown) => printError(terminal, error));
  };

  const onProblem = (error: unknown): void => {
    log.flush();
    printError(terminal, error);
    err.line(`${err.style.yellow("!")} Not reloaded: the config before goes on.`);
    // The fault may be in a file that the config before did not import.
    const files = ConfigError.is(error) ? error.problems.flatMap((problem) => problem.file ?? []) : [];
    watcher.update([...new Set([...source.files, ...files])]);
  };

  const reloader = createReloader({ load, apply, onProblem });
  const watcher = watchConfig(source.files, {
    onChange: () => void reloader.reload(),
    onProblem: (error) => printError(terminal, error),
  });
  return {
    stop() {
      stopped = true;
      watcher.close();
      return proxy;
    },
  };
}

/** Settings that are read once. */
function needsRestart(before: Source, after: Source): string[] {
  return (["host", "port", "tls"] as const)
    .filter((key) => JSON.stringify(before.config.server?.[key]) !== JSON.stringify(after.config.server?.[key]))
    .map((key) => `server.${key}`);
}
