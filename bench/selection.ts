/**
 * What choosing a key costs, alone: the core's selection with the policies of the preset, a place in flight taken and
 * given back, no network. Runs the sources.
 */
import { fileURLToPath } from "node:url";
import type * as loading from "../src/load/typescript.ts";
import type * as accepts from "../src/pipeline/accept.ts";
import type * as contexts from "../src/pipeline/context.ts";
import type * as selects from "../src/pipeline/select.ts";
import type * as proxies from "../src/proxy.ts";
import { median } from "./report.ts";

const source = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** Requests in one batch, and batches of which the median counts. */
const batch = 2000;
const batches = 15;

/** Microseconds per request for so many keys. */
async function measure(keys: number, resting: number): Promise<number> {
  const { createProxy, internalsOf } = (await import(source("proxy.ts"))) as typeof proxies;
  const { RequestState } = (await import(source("pipeline/context.ts"))) as typeof contexts;
  const { createSelector } = (await import(source("pipeline/select.ts"))) as typeof selects;
  const { acceptBody } = (await import(source("pipeline/accept.ts"))) as typeof accepts;
  const { openaiCompatible } = await import("waygate/plugins/openai-compatible");
  const { resilience } = await import("waygate/plugins/resilience");
  const values = Array.from({ length: keys }, (_, index) => `sk-bench-${String(index).padStart(16, "0")}`);
  const lab = openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9/v1", keys: values, models: ["m"] });
  const proxy = createProxy({ plugins: [lab, resilience()], log: { level: "error", requests: false } });
  await proxy.ready();
  const { app, pool, hooks } = internalsOf(proxy).pipeline;
  const until = Date.now() + 3_600_000;
  for (const { id } of pool.list("lab").slice(0, resting)) {
    pool.rest(
      { provider: "lab", credential: id, model: "m" },
      { state: "cooling", until, policy: "bench", reason: "429", kind: "rate_limited" },
    );
  }
  const targets = app.models.resolve("lab/m");
  const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }] });
  const req = new Request("http://127.0.0.1/v1/chat/completions", { method: "POST" });
  const protocol = app.protocol("openai-chat");
  const never = (): boolean => false;
  const times: number[] = [];
  for (let turn = 0; turn < batches; turn++) {
    const states = Array.from({ length: batch }, () => {
      const state = new RequestState({ app, req, id: "bench", protocol, operation: "generate", ip: undefined });
      acceptBody(state, body);
      return state;
    });
    const start = performance.now();
    for (const state of states) {
      const { placed } = await createSelector(state, pool, hooks.selectKey).next(targets, never);
      if (!placed) throw new Error("no key was chosen");
      placed.lease.release();
    }
    times.push(((performance.now() - start) * 1000) / batch);
  }
  await proxy.close();
  // The first ones are slow until the compiler has seen them.
  return median(times.slice(batches / 3));
}

/** Lines for people. */
export async function selectionReport(): Promise<string> {
  const { registerTypeScript } = (await import(source("load/typescript.ts"))) as typeof loading;
  await registerTypeScript();
  const lines: string[] = [];
  for (const [keys, resting] of [
    [20, 0],
    [10_000, 0],
    [10_000, 9900],
  ] as const) {
    const micros = await measure(keys, resting);
    const rest = resting === 0 ? "" : `, ${resting} of them resting`;
    lines.push(`Selection among ${keys} keys${rest}: ${micros.toFixed(1)} µs per request (aim: below 50)`);
  }
  return lines.join("\n");
}
