import type { Config } from "waygate";
import { benchConfig } from "./config.ts";

/** The client speaks one protocol and the upstream another. */
const config: Config = benchConfig(20, "anthropic");
export default config;
