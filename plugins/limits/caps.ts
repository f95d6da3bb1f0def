/** Limits as they are stated, and the windows that are counted for them. */
import { ConfigError, type Counter, type Limits } from "waygate";

/** A limit over a time of any length. */
export interface Cap {
  /** Milliseconds; what was used longer ago does not count. */
  readonly window: number;
  readonly requests?: number;
  readonly tokens?: number;
}

/** Requests and tokens per minute (rpm, tpm) and per day until the reset (rpd, tpd), and caps of any length. */
export interface Caps extends Limits {
  readonly caps?: readonly Cap[];
}

/** One thing that is counted. */
export interface Window {
  readonly unit: "requests" | "tokens";
  /** `undefined`: the day, which ends at the reset. */
  readonly length: number | undefined;
  /** As stated. */
  readonly stated: number;
  /** With the safety margin. */
  readonly limit: number;
}

const MINUTE = 60_000;
/** Milliseconds from which on a limit is a quota and not a rate. */
const QUOTA = 3_600_000;

/** Throws a `ConfigError` that names `path` for a limit that is no positive number. */
export function windowsOf(caps: Caps, margin: number, path: readonly (string | number)[]): Window[] {
  const windows: Window[] = [];
  const add = (unit: Window["unit"], length: number | undefined, stated: number | undefined, name: string): void => {
    if (stated === undefined || stated === 0) return;
    if (!Number.isFinite(stated) || stated < 0) throw bad(stated, name, path);
    windows.push({ unit, length, stated, limit: Math.max(1, Math.floor(stated * margin)) });
  };
  add("requests", MINUTE, caps.rpm, "rpm");
  add("requests", undefined, caps.rpd, "rpd");
  add("tokens", MINUTE, caps.tpm, "tpm");
  add("tokens", undefined, caps.tpd, "tpd");
  for (const { window, requests, tokens } of caps.caps ?? []) {
    if (!Number.isFinite(window) || window <= 0) throw bad(window, "window", path);
    add("requests", window, requests, "requests");
    add("tokens", window, tokens, "tokens");
  }
  return windows;
}

export function counterOf({ unit, length }: Window, name: string, dayEnds: number): Counter {
  if (length === undefined) return { kind: "fixed", key: `limits/${name}/${unit}/day`, until: dayEnds };
  return { kind: "sliding", key: `limits/${name}/${unit}/${length}`, window: length };
}

/** Whether a limit is a quota: then waiting is no matter of seconds. */
export function isQuota({ length }: Window): boolean {
  return length === undefined || length >= QUOTA;
}

/** `60 requests per minute`. */
export function said({ unit, length, limit }: Window): string {
  if (length === undefined) return `${limit} ${unit} per day`;
  return `${limit} ${unit} per ${length === MINUTE ? "minute" : `${length / 1000} s`}`;
}

function bad(value: number, name: string, path: readonly (string | number)[]): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", ...path, name],
      what: `limits: ${name} cannot be ${value}`,
      why: name === "window" ? "it is a number of milliseconds above 0" : "it is a number, and 0 for no limit",
      fix: "correct it, or take it out for no limit",
      value,
    },
  ]);
}
