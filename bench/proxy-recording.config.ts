/** Keys and a database as `npm run bench` has them and `proxy start` opens it, and with BENCH_RECORD the ledger. */
import type { Config } from "waygate";
import { usage } from "waygate/plugins/usage";
import { benchConfig } from "./config.ts";

const { plugins, database: _, ...rest } = benchConfig(20);
const isRecorded = process.env["BENCH_RECORD"] !== undefined;
const config: Config = {
  ...rest,
  plugins: [...plugins, isRecorded && usage({ prices: { "lab/*": { input: 1, output: 4 } } })],
  dataDir: process.env["BENCH_DATA"] ?? ".waygate",
  ...(process.env["BENCH_BARE"] !== undefined && { database: false }),
};
export default config;
