/** Asks the thread of the database and waits for its answers. */
import { Worker } from "node:worker_threads";
import type { Answer, Ask, Numbered } from "./messages.ts";
import type { DatabaseEngine } from "./types.ts";

/** The thread keeps the process alive only while a question is open. */
export function startThread(): DatabaseEngine {
  // The file beside this one, from the sources as from what is published. SQLite is called experimental by Node, in a
  // warning for every start.
  const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
  const worker = new Worker(new URL(file, import.meta.url), {
    name: "waygate-database",
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const open = new Map<number, (answer: Answer) => void>();
  let asked = 0;
  let dead: string | undefined;

  worker.unref();
  worker.on("message", ({ id, ...answer }: Numbered<Answer>) => {
    const resolve = open.get(id);
    open.delete(id);
    if (open.size === 0) worker.unref();
    resolve?.(answer);
  });
  const die = (why: string): void => {
    dead ??= why;
    for (const resolve of open.values()) resolve(failed(dead));
    open.clear();
  };
  worker.on("error", (error) => die(error instanceof Error ? error.message : String(error)));
  worker.on("exit", () => die("The thread of the database has ended."));

  return {
    ask(ask) {
      if (dead !== undefined) return Promise.resolve(failed(dead));
      return new Promise((resolve) => {
        const id = ++asked;
        open.set(id, resolve);
        worker.ref();
        worker.postMessage({ ...ask, id } satisfies Numbered<Ask>, []);
      });
    },
    async end() {
      // Else a process that has nothing else to do ends while it waits for this.
      worker.ref();
      await worker.terminate();
    },
  };
}

function failed(why: string): Answer {
  return { fault: { kind: "failed", why } };
}
