import type { Config } from "waygate";
import { benchConfig } from "./config.ts";

const config: Config = benchConfig(20);
export default config;
