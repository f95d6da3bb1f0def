/** What a key that is not set means: contract of the configuration, table of keys. */
import type { ResolvedConfig } from "./types.ts";

export const defaults: Omit<ResolvedConfig, "plugins" | "models"> = {
  server: { host: "127.0.0.1", port: 8000, maxBody: 64 * 1024 * 1024, drain: 10_000, keepAlive: 15_000 },
  retry: { attempts: 6, sameCredential: 1, shortWait: 3000, deadline: 300_000, queueWait: 30_000, queueSize: 1000 },
  timeouts: { connect: 10_000, headers: 120_000, whole: 600_000, firstToken: 180_000, idle: 180_000, total: 0 },
  errors: [],
  base: "",
  strict: false,
  dataDir: ".waygate",
  log: { level: "info", requests: true },
};

/** The default at a path, if it is a plain value. */
export function defaultAt(path: readonly (string | number)[]): string | number | boolean | undefined {
  let value: unknown = defaults;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}
