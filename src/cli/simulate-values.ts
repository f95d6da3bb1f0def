/** Values of the flags of `proxy simulate`, as people write them. What cannot be read is wrong use. */
import { ConfigError } from "../config/problem.ts";
import { parseDuration } from "../failure/duration.ts";
import type { AssumptionRule } from "../simulation/user/assumption.ts";
import { wrongUse } from "./arguments.ts";
import { plain } from "./layout.ts";

const SECOND = 1000;
const DAY = 86_400_000;
const units: { readonly [unit: string]: number } = { s: SECOND, m: 60 * SECOND, h: 3600 * SECOND, d: DAY };

/** `600/h`, `2/s`; a plain number is per day. Requests per day. */
export function readRate(text: string): number {
  const [, number = "", unit = "d"] = /^([\d.]+k?)(?:\/([smhd]))?$/i.exec(text.trim()) ?? [];
  const count = numberIn(number);
  if (count === undefined || count <= 0) throw wrong("rate", text, "600/h, 2/s or 1000/d");
  return (count * DAY) / units[unit.toLowerCase()]!;
}

/** `7d`, `12h`, `90m`. Milliseconds. */
export function readDuration(flag: string, text: string): number {
  const duration = /^[\d.]+$/.test(text.trim()) ? undefined : parseDuration(text);
  if (duration === undefined || duration < SECOND) throw wrong(flag, text, "7d, 12h or 90m");
  return duration;
}

/** A share: `0.8` or `80%`. */
export function readShare(flag: string, text: string): number {
  const share = shareIn(text);
  if (share === undefined) throw wrong(flag, text, "0.8 or 80%");
  return share;
}

/** A whole number of at least `least`; `k` and `M` may stand behind it. */
export function readCount(flag: string, text: string, least: number): number {
  const count = numberIn(text.trim());
  if (count === undefined || count < least || !Number.isInteger(count)) {
    throw wrong(flag, text, `a whole number from ${least} on, as ${Math.max(least, 10)}`);
  }
  return count;
}

const readers: { readonly [name: string]: (text: string) => number | undefined } = {
  rpm: limitIn,
  rpd: limitIn,
  tpm: limitIn,
  tpd: limitIn,
  errors: shareIn,
  latency: (text) => parseDuration(text),
  speed: positiveIn,
  reset: timeIn,
};

/** `groq:rpm=60,errors=1%,latency=800ms`; `*` stands for all providers. */
export function readAssumption(text: string): AssumptionRule {
  const colon = text.indexOf(":");
  const sample = "groq:rpm=60,rpd=1000,errors=1%,latency=800ms";
  if (colon <= 0) throw wrong("assume", text, sample);
  const rule: { [name: string]: number | string } = { provider: text.slice(0, colon).trim() };
  for (const part of text.slice(colon + 1).split(",")) {
    const [name = "", value = ""] = part.split("=", 2).map((each) => each.trim());
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    const number = read?.(value);
    if (number === undefined) {
      const why =
        read === undefined
          ? `What can be assumed is ${Object.keys(readers).join(", ")}.`
          : `${plain(JSON.stringify(value))} is no value for ${name}.`;
      throw new ConfigError([
        wrongUse(`--assume cannot use ${plain(JSON.stringify(part))}`, why, `--assume ${sample}`),
      ]);
    }
    rule[name] = number;
  }
  return rule as unknown as AssumptionRule;
}

/** What a flag was given and cannot use. */
export function wrong(flag: string, text: string, sample: string): ConfigError {
  const value = plain(JSON.stringify(text));
  return new ConfigError([
    wrongUse(`--${flag} cannot be ${value}`, `It is written as ${sample}.`, "proxy simulate --help"),
  ]);
}

function numberIn(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text) ?? [];
  return digits === "" ? undefined : Number(digits) * (unit === "k" ? 1000 : unit === "M" ? 1_000_000 : 1);
}

/** 0 stands for no limit. */
function limitIn(text: string): number | undefined {
  return text === "none" ? 0 : numberIn(text);
}

function positiveIn(text: string): number | undefined {
  const number = numberIn(text);
  return number !== undefined && number > 0 ? number : undefined;
}

function shareIn(text: string): number | undefined {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const share = Number(digits ?? Number.NaN) / (percent === "%" ? 100 : 1);
  return share >= 0 && share <= 1 ? share : undefined;
}

/** A time of day in UTC. Milliseconds after midnight. */
function timeIn(text: string): number | undefined {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : (Number(hour) * 60 + Number(minute)) * 60 * SECOND;
}
