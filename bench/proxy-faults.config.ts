/** Many keys, so that what rests is not missed, and the preset. With BENCH_DEAD an upstream that nobody runs comes first. */
import type { Config } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { proxyKey as clientKey } from "./traffic.ts";

const dead = process.env["BENCH_DEAD"];
const keys = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `sk-bench-${String(index).padStart(16, "0")}`);
const at = (port: string | undefined): string => `http://127.0.0.1:${port}/v1`;

const config: Config = {
  plugins: [
    proxyKey({ keys: [clientKey] }),
    openaiCompatible({ name: "live", baseURL: at(process.env["BENCH_UPSTREAM"]), keys: keys(5000), models: ["m"] }),
    openaiCompatible({ name: "dead", baseURL: at(dead ?? "9"), keys: keys(3), models: ["m"] }),
    resilience({ concurrency: { perCredential: 64 } }),
  ],
  models: { "lab/m": dead === undefined ? ["live/m"] : ["dead/m", "live/m"] },
  // Nothing is to be kept from run to run.
  database: false,
  log: { level: "error", requests: false },
};
export default config;
