/** The log: consola with a tag per plugin. Goes to stderr, so that stdout carries data only. */
import { type ConsolaInstance, createConsola } from "consola";
import type { LogConfig } from "./config/types.ts";

const levels = { silent: -999, error: 0, warn: 1, info: 3, debug: 4 } as const;

/** A logger at the given level. */
export function createLog(level: LogConfig["level"] = "info"): ConsolaInstance {
  return createConsola({ level: levels[level], stdout: process.stderr, stderr: process.stderr });
}
