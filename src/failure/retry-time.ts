/** When an upstream says it may be asked again: one reader for every header, body field and sentence that says so. */
import type { HeaderRecord } from "../plugin/provider.ts";
import { parseDuration } from "./duration.ts";

const day = 86_400_000;

/** Milliseconds that anything rests at most because of a time an upstream named. */
export const MAX_REST: number = 7 * day;

/** Milliseconds beyond which a time is taken for a mistake of the upstream and the next source is asked. */
const nonsense = 8 * day;

/** Some upstreams say "0 s" and refuse again at once. */
const floor = 1000;

/** When to try again, and what said so: `header retry-after`, `body resets_at`, `text`. */
export interface RetryTime {
  /** Epoch milliseconds, at most `MAX_REST` ahead. */
  readonly at: number;
  readonly source: string;
}

interface Source {
  readonly headers: HeaderRecord;
  readonly body: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Above 10^12 epoch milliseconds, above 10^9 epoch seconds, else seconds from now. */
function fromNumber(value: number, now: number): number {
  if (value > 1e12) return value;
  return value > 1e9 ? value * 1000 : now + value * 1000;
}

const isoDate = /^(\d{4}-\d\d-\d\d)(?:T| at | )(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?$/i;
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [\w :-]+$/i;

/** A date that names no zone is UTC, not the zone of this machine. */
function fromDate(text: string): number | undefined {
  const iso = isoDate.exec(text);
  let date: number;
  if (iso) {
    const zone = iso[3] === undefined || /^[a-z]/i.test(iso[3]) ? "Z" : iso[3];
    date = Date.parse(`${iso[1]}T${iso[2]}${zone}`);
  } else if (httpDate.test(text)) {
    date = Date.parse(/(?:GMT|UTC|[+-]\d{4})$/i.test(text) ? text : `${text} GMT`);
  } else return undefined;
  return Number.isNaN(date) ? undefined : date;
}

/** Epoch milliseconds from any format; `undefined` when it is none, in the past, or too far away to be true. */
function readTime(value: unknown, now: number, milliseconds = false): number | undefined {
  let at: number | undefined;
  if (typeof value === "number") at = milliseconds ? now + value : fromNumber(value, now);
  else if (typeof value === "string") {
    const text = value.trim();
    if (/^\d{1,15}(?:\.\d{1,15})?$/.test(text)) return readTime(Number(text), now, milliseconds);
    const duration = parseDuration(text);
    at = duration === undefined ? fromDate(text) : now + duration;
  } else if (typeof value === "object" && value !== null && "seconds" in value) {
    // google.protobuf.Duration as an object; `seconds` may be a string because it is an int64.
    const nanos = "nanos" in value ? Number(value.nanos) : 0;
    return readTime(Number(value.seconds) + nanos / 1e9, now);
  }
  if (at === undefined || !(at >= now && at - now <= nonsense)) return undefined;
  return Math.ceil(Math.min(at === now ? now + floor : at, now + MAX_REST));
}

interface Window {
  readonly at: number;
  readonly source: string;
  /** Nothing is left in it. */
  readonly empty: boolean;
  /** Its time says when the bucket is full again, which is later than needed (OpenAI and Groq rate-limit docs). */
  readonly refill: boolean;
  /** Cannot be what refused the request: it counts requests and has some left, or says so itself. */
  readonly open: boolean;
}

const rateHeader = /^(?:x-)?(?:anthropic-)?(?:rate|token)limit-(?:[\w-]+-)?reset(?:-[\w-]+)?$/;

/** The windows in rate-limit headers: `x-ratelimit-reset[-WHAT]` and `anthropic-ratelimit-WHAT-reset`. */
function windows(headers: HeaderRecord, now: number): Window[] {
  const found: Window[] = [];
  for (const name of Object.keys(headers)) {
    if (!rateHeader.test(name)) continue;
    const limit = headers[name.replace("reset", "limit")];
    const at = readTime(headers[name], now);
    // Some deployments send limits of 0 or -1 where there is none.
    if (at === undefined || (limit !== undefined && Number(limit) <= 0)) continue;
    if (parseDuration(headers[name] ?? "") === 0) continue;
    const remaining = headers[name.replace("reset", "remaining")];
    const status = headers[name.replace("reset", "status")];
    found.push({
      at,
      source: `header ${name}`,
      empty: status === "rejected" || (remaining !== undefined && Number(remaining) <= 0),
      refill: /^x-ratelimit-reset-(?:requests|tokens)$/.test(name),
      open: (status !== undefined && status !== "rejected") || (/request/.test(name) && Number(remaining) > 0),
    });
  }
  return found;
}

const latest = <T extends RetryTime>(times: readonly T[]): T | undefined =>
  times.reduce<T | undefined>((best, time) => (best === undefined || time.at > best.at ? time : best), undefined);
const earliest = <T extends RetryTime>(times: readonly T[]): T | undefined =>
  times.reduce<T | undefined>((best, time) => (best === undefined || time.at < best.at ? time : best), undefined);

/**
 * Google RPC RetryInfo and ErrorInfo, Chutes, ChatGPT plans, Hugging Face and OpenRouter (which repeats its headers in
 * the body).
 */
const bodyFields: RegExp =
  /^(?:retryDelay|quotaResetDelay|quotaResetTimeStamp|quota_reset_timestamp|resets_at|resets_in_seconds|retry_after(?:_seconds|_ms)?|retry-after(?:-ms)?|estimated_time|x-ratelimit-reset)$/i;

function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON after all, or cut: the sentences in it are still read.
    return undefined;
  }
}

/** Every time in known fields, wherever they are; also in JSON that was put into a string on its way. */
function fields(value: unknown, now: number, found: RetryTime[], depth = 0): RetryTime[] {
  if (depth > 8) return found;
  if (typeof value === "string") {
    const inner = parseJson(value);
    if (inner !== undefined) fields(inner, now, found, depth + 1);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const at = bodyFields.test(name) ? readTime(item, now, /ms$/i.test(name)) : undefined;
      if (at === undefined) fields(item, now, found, depth + 1);
      else found.push({ at, source: `body ${name}` });
    }
  }
  return found;
}

const amount = String.raw`((?:\d{1,12}(?:\.\d{1,12})?\s?(?:m(?:illi)?s(?:econds?)?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ou)?r?s?|d(?:ays?)?)(?![a-z])(?:,?\s(?:and\s)?(?=\d))?)+|\d{1,13}(?:\.\d{1,12})?(?!\d|-\d|:))`;
const sentences: readonly RegExp[] = [
  new RegExp(String.raw`(?:again|retry|resets?|available) (?:in|after):? (?:about )?${amount}`, "i"),
  new RegExp(String.raw`retry[-_ ]after\\?["']?[:= ]{1,3}\\?["']?${amount}`, "i"),
  new RegExp(String.raw`wait (?:for )?(?:about )?(?:at least )?${amount}`, "i"),
  new RegExp(String.raw`x-ratelimit-reset\\?["']?[:= ]{1,3}\\?["']?${amount}`, "i"),
  /(?:until|resets? (?:at|on)|again (?:at|after|on)|access on) (\d{4}-\d\d-\d\d(?:T| at | )\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)/i,
];

function fromText(body: string, now: number): RetryTime | undefined {
  for (const sentence of sentences) {
    const at = readTime(sentence.exec(body)?.[1], now);
    if (at !== undefined) return { at, source: "text" };
  }
  return undefined;
}

/**
 * The time an upstream named. Explicit headers first, then windows that are used up, then the body's fields, then its
 * sentences, and last the reset headers that only hint at a time. Negative times and times more than 8 days ahead are
 * passed over; up to then they are cut to `MAX_REST`.
 */
export function retryTime({ headers, body, now }: Source): RetryTime | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms", "retry-after"]) {
    const at = readTime(headers[name], now, name.endsWith("-ms"));
    if (at !== undefined) return { at, source: `header ${name}` };
  }
  const rates = windows(headers, now);
  const hints = rates.filter((window) => !window.open);
  const found =
    latest(rates.filter((window) => window.empty && !window.refill)) ??
    latest(fields(parseJson(body), now, [])) ??
    fromText(body, now) ??
    earliest(hints.filter((window) => window.empty)) ??
    earliest(hints);
  return found && { at: found.at, source: found.source };
}
