/**
 * What choosing a key costs with ten thousand of them and limits on: selection, a place in flight, the reservation and
 * its settlement, in this process and without a network: `node bench/limits-selection.ts`. Not with tsx, which names
 * every function anew each time it is made: that alone is two thirds of what is measured then.
 */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { registerTypeScript } from "../src/load/typescript.ts";
import { acceptBody } from "../src/pipeline/accept.ts";
import { createChooser } from "../src/pipeline/chooser.ts";
import { RequestState } from "../src/pipeline/context.ts";
import { createBarred } from "../src/pipeline/verdict.ts";
import { createProxy, internalsOf } from "../src/proxy.ts";

const KEYS = 10_000;
/** Microseconds per request. */
interface Costs {
  readonly name: string;
  /** Processor time of the whole process, garbage collection included. */
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

async function measure(name: string, rpm: number, rounds: number): Promise<Costs> {
  const { concurrency } = await import("waygate/plugins/concurrency");
  const { cooldown } = await import("waygate/plugins/cooldown");
  const { limits } = await import("waygate/plugins/limits");
  const { openaiCompatible } = await import("waygate/plugins/openai-compatible");
  const { rotate } = await import("waygate/plugins/rotate");
  const keys = Array.from({ length: KEYS }, (_, index) => `sk-bench-${String(index).padStart(16, "0")}`);
  const proxy = createProxy(
    {
      plugins: [
        openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9/v1", keys, models: ["m"] }),
        rotate(),
        cooldown(),
        concurrency({ perCredential: 64 }),
        limits({ keys: { rpm, rpd: 100_000, tpm: 1_000_000 }, rules: [{ each: "provider", rpm: 1e9 }] }),
      ],
      log: { level: "error", requests: false },
      retry: { queueWait: 0 },
    },
    { discover: false },
  );
  const app = await proxy.ready();
  const { pool, hooks } = internalsOf(proxy).pipeline;
  const protocol = app.protocol("openai-chat");
  const req = new Request("http://localhost/v1/chat/completions", { method: "POST" });
  const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hello" }] });
  const targets = app.models.resolve("lab/m");

  const once = async (): Promise<void> => {
    const state = new RequestState({ app, req, id: "bench", protocol, operation: "generate", ip: undefined });
    acceptBody(state, body);
    const barred = createBarred();
    const chooser = createChooser({ state, pool, policies: hooks.selectKey, targets, barred });
    for (;;) {
      const placed = await chooser.choose();
      if (!placed) return;
      const chosen = await chooser.pass(placed);
      if (!chosen) continue;
      for (const grant of chosen.grants) {
        await grant.settle({ sent: true, rejected: false, usage: { input: 20, output: 5 } });
      }
      chosen.lease.release();
      return;
    }
  };
  const spent: number[] = [];
  let used = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    // The first half warms up.
    if (round === rounds / 2) used = process.cpuUsage();
    // What a request holds weakly lives until the loop of events goes on, which a server's does with every request.
    if (round % 32 === 0) await setImmediate();
    const start = performance.now();
    await once();
    spent.push((performance.now() - start) * 1000);
  }
  const { user, system } = process.cpuUsage(used);
  await proxy.close();
  const last = spent.slice(rounds / 2).toSorted((a, b) => a - b);
  const at = (share: number): number => last[Math.floor(last.length * share)]!;
  return { name, mean: (user + system) / last.length, p50: at(0.5), p99: at(0.99) };
}

/** A line per case, for people. */
export async function selectionReport(): Promise<string> {
  // As the command line does.
  setFlagsFromString("--no-allocation-site-pretenuring");
  // The inside of the proxy is measured, so the plugins must come from the same sources.
  await registerTypeScript();
  const costs = [await measure("all keys are free", 1_000_000, 40_000)];
  // Each key becomes full once only, which is too short to warm up in: compiling would be half of what is measured.
  await measure("", 1, KEYS);
  costs.push(
    await measure("keys become full one by one", 1, KEYS),
    await measure("all but a few keys are full", 1, 2 * KEYS),
  );
  const lines = costs.map(
    ({ name, mean, p50, p99 }) =>
      `  ${name}: ${mean.toFixed(1)} µs of processor time on average; median ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs`,
  );
  return [`Choosing one of ${KEYS} keys, with limits`, ...lines].join("\n");
}

if (import.meta.main) console.log(await selectionReport());
