/** Times and numbers of tries, from seconds to milliseconds, and who stands in front of the server. */
import type { PluginSettings } from "waygate";
import type { Reader } from "./reader.ts";

const usual = { headers: 120_000, firstToken: 180_000 };

export function settingsOf(reader: Reader): PluginSettings {
  const milliseconds = (name: string): number | undefined => {
    const seconds = reader.number(name);
    return seconds === undefined ? undefined : Math.round(seconds * 1000);
  };
  const idle = milliseconds("TIMEOUT_READ_STREAMING");
  // Whoever lets an answer be silent for longer means its beginning too; nobody means it to be given up sooner.
  const atLeast = (least: number): number | undefined =>
    idle !== undefined && (idle > least || idle === 0) ? idle : undefined;
  const proxies = reader.number("TRUSTED_PROXIES");
  return {
    ...(proxies !== undefined && { server: { trustProxy: proxies } }),
    retry: stated({
      attempts: reader.number("MAX_RETRIES", 1),
      deadline: milliseconds("GLOBAL_TIMEOUT"),
      shortWait: milliseconds("SMALL_COOLDOWN_RETRY_THRESHOLD"),
      queueWait: milliseconds("TIMEOUT_POOL"),
    }),
    timeouts: stated({
      connect: milliseconds("TIMEOUT_CONNECT"),
      idle,
      headers: atLeast(usual.headers),
      firstToken: atLeast(usual.firstToken),
      whole: milliseconds("TIMEOUT_READ_NON_STREAMING"),
    }),
  };
}

function stated<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
