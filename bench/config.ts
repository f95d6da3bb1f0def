/** The configuration under test, with as many credentials as asked for. */
import type { Config } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { rotate } from "waygate/plugins/rotate";
import { tiers } from "waygate/plugins/tiers";
import { proxyKey as clientKey } from "./traffic.ts";

export function benchConfig(credentials: number, protocol: "openai-chat" | "anthropic" = "openai-chat"): Config {
  const keys = Array.from({ length: credentials }, (_, index) => `sk-bench-${String(index).padStart(16, "0")}`);
  const baseURL = `http://127.0.0.1:${process.env["BENCH_UPSTREAM"]}/v1`;
  return {
    plugins: [
      proxyKey({ keys: [clientKey] }),
      openaiCompatible({ name: "lab", baseURL, keys, models: ["m"], protocol }),
      tiers([["lab"]]),
      rotate(),
      cooldown(),
      concurrency({ perCredential: 64 }),
    ],
    // Nothing is to be kept from run to run.
    database: false,
    log: { level: "warn", requests: false },
  };
}
