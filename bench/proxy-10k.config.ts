import type { Config } from "waygate";
import { benchConfig } from "./config.ts";

const config: Config = benchConfig(10_000);
export default config;
