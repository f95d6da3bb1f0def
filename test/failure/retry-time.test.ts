import { describe, expect, it } from "vitest";
import { MAX_REST, retryTime } from "../../src/failure/retry-time.ts";

const now = Date.parse("2026-03-02T10:00:00Z");
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const wait = (headers: { [name: string]: string }, body: unknown = ""): [number, string] | undefined => {
  const found = retryTime({ headers, body: typeof body === "string" ? body : JSON.stringify(body), now });
  return found && [found.at - now, found.source];
};

describe("explicit headers", () => {
  it.each([
    ["A1 honours Retry-After in seconds", { "retry-after": "30" }, 30_000, "retry-after"],
    ["A1 honours Retry-After in fractions of a second", { "retry-after": "0.25" }, 250, "retry-after"],
    [
      "A1 honours Retry-After as an HTTP date",
      { "retry-after": "Mon, 02 Mar 2026 10:01:30 GMT" },
      90_000,
      "retry-after",
    ],
    ["reads the RFC 850 date", { "retry-after": "Monday, 02-Mar-26 10:01:30 GMT" }, 90_000, "retry-after"],
    ["reads the asctime date as UTC", { "retry-after": "Mon Mar  2 10:01:30 2026" }, 90_000, "retry-after"],
    ["reads Retry-After as epoch seconds by its size", { "retry-after": String(now / 1000 + 5) }, 5000, "retry-after"],
    ["reads retry-after-ms", { "retry-after-ms": "1500" }, 1500, "retry-after-ms"],
    ["reads x-ms-retry-after-ms", { "x-ms-retry-after-ms": "20" }, 20, "x-ms-retry-after-ms"],
    ["prefers milliseconds to seconds", { "retry-after": "2", "retry-after-ms": "1900" }, 1900, "retry-after-ms"],
  ])("%s", (_, headers, milliseconds, source) => {
    expect(wait(headers)).toEqual([milliseconds, `header ${source}`]);
  });

  it("A1 does not take 0 seconds for leave to ask again at once", () => {
    expect(wait({ "retry-after": "0" })).toEqual([1000, "header retry-after"]);
  });

  it.each([
    "-1",
    "soon",
    "",
    "Mon, 02 Mar 2026 09:59:00 GMT",
    "315360000",
    "99999999999999",
    "NaN",
    "2026-13-45T00:00:00Z",
  ])("A1 passes over %j and asks the next source", (value) => {
    expect(wait({ "retry-after": value })).toBeUndefined();
    expect(wait({ "retry-after": value }, { resets_in_seconds: 60 })).toEqual([60_000, "body resets_in_seconds"]);
  });

  it("A1 cuts a wait of more than 7 days, and takes one of more than 8 for a mistake", () => {
    expect(MAX_REST).toBe(7 * day);
    expect(wait({ "retry-after": String((7.5 * day) / 1000) })).toEqual([MAX_REST, "header retry-after"]);
    expect(wait({ "retry-after": String((8 * day) / 1000 + 1) })).toBeUndefined();
  });
});

describe("rate-limit headers", () => {
  it("takes the window with nothing left (Cerebras)", () => {
    const headers = {
      "x-ratelimit-remaining-requests-day": "0",
      "x-ratelimit-reset-requests-day": "33011.382867",
      "x-ratelimit-remaining-tokens-minute": "500",
      "x-ratelimit-reset-tokens-minute": "11.38",
    };
    expect(wait(headers)).toEqual([33_011_383, "header x-ratelimit-reset-requests-day"]);
    expect(wait({ ...headers, "x-ratelimit-remaining-requests-day": "900" })).toEqual([
      11_380,
      "header x-ratelimit-reset-tokens-minute",
    ]);
  });

  it("waits for the last of several used-up windows (Anthropic, RFC 3339)", () => {
    expect(
      wait({
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-03-02T10:00:20Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-03-02T11:01:00+01:00",
      }),
    ).toEqual([minute, "header anthropic-ratelimit-input-tokens-reset"]);
  });

  it("takes the rejected window of a subscription and not the allowed one", () => {
    expect(
      wait({
        "anthropic-ratelimit-unified-5h-status": "rejected",
        "anthropic-ratelimit-unified-5h-reset": String((now + 2 * hour) / 1000),
        "anthropic-ratelimit-unified-7d-status": "allowed",
        "anthropic-ratelimit-unified-7d-reset": String((now + 5 * day) / 1000),
      }),
    ).toEqual([2 * hour, "header anthropic-ratelimit-unified-5h-reset"]);
    expect(
      wait({
        "anthropic-ratelimit-unified-status": "allowed_warning",
        "anthropic-ratelimit-unified-reset": String((now + 2 * hour) / 1000),
      }),
    ).toBeUndefined();
  });

  it.each([
    ["epoch milliseconds (OpenRouter)", String(now + 90_000), 90_000],
    ["epoch seconds", String(now / 1000 + 90), 90_000],
    ["seconds left (Together)", "90", 90_000],
  ])("tells the unit of X-RateLimit-Reset by its size: %s", (_, value, milliseconds) => {
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": value };
    expect(wait(headers)).toEqual([milliseconds, "header x-ratelimit-reset"]);
  });

  it("uses the time until a bucket is full only when nothing else is said (OpenAI, Groq)", () => {
    const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" };
    expect(wait(headers)).toEqual([6 * minute, "header x-ratelimit-reset-requests"]);
    expect(wait(headers, { error: { message: "Please try again in 7.66s." } })).toEqual([7660, "text"]);
    expect(wait({ ...headers, "retry-after": "3" })).toEqual([3000, "header retry-after"]);
  });

  it("does not take a request window with something left for the cause", () => {
    const requests = { "x-ratelimit-remaining-requests": "4999", "x-ratelimit-reset-requests": "12ms" };
    expect(wait(requests)).toBeUndefined();
    expect(wait({ ...requests, "x-ratelimit-reset-tokens": "58s" })).toEqual([
      58_000,
      "header x-ratelimit-reset-tokens",
    ]);
  });

  it("ignores windows without a real limit (report 23)", () => {
    for (const limit of ["-1", "0"]) {
      expect(
        wait({
          "x-ratelimit-limit-tokens": limit,
          "x-ratelimit-remaining-tokens": "-1",
          "x-ratelimit-reset-tokens": "10",
        }),
      ).toBeUndefined();
    }
    expect(wait({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0" })).toBeUndefined();
  });
});

describe("body fields", () => {
  const google = (...details: object[]): object => ({ error: { code: 429, message: "m", details } });
  it.each<[string, object, number, string]>([
    ["A1 honours retryDelay", google({ "@type": "x/google.rpc.RetryInfo", retryDelay: "56.2s" }), 56_200, "retryDelay"],
    [
      "reads retryDelay as an object",
      google({ retryDelay: { seconds: "12", nanos: 500_000_000 } }),
      12_500,
      "retryDelay",
    ],
    [
      "takes the longer of retryDelay and quotaResetDelay",
      google({ retryDelay: "1s" }, { metadata: { quotaResetDelay: "156h14m36.75s" } }),
      156 * hour + 876_750,
      "quotaResetDelay",
    ],
    ["keeps a wait below a second", google({ retryDelay: "0.539477544s" }), 539, "retryDelay"],
    ["does not believe in no wait at all", google({ retryDelay: "0s" }), 1000, "retryDelay"],
    [
      "reads Google's reset timestamp",
      google({ metadata: { quotaResetTimeStamp: "2026-03-02T12:00:00Z" } }),
      2 * hour,
      "quotaResetTimeStamp",
    ],
    [
      "reads Chutes' reset timestamp",
      { detail: { message: "m", quota_reset_timestamp: "2026-03-03T00:00:00+00:00" } },
      14 * hour,
      "quota_reset_timestamp",
    ],
    ["A1 honours resets_at", { error: { resets_at: now / 1000 + 3600 } }, hour, "resets_at"],
    ["A1 honours resets_in_seconds", { error: { resets_in_seconds: 42 } }, 42_000, "resets_in_seconds"],
    ["reads retry_after", { error: { message: "m" }, retry_after: 7.5 }, 7500, "retry_after"],
    ["reads retry_after_ms", { retry_after_ms: 750 }, 750, "retry_after_ms"],
    [
      "reads Hugging Face's estimate",
      { error: "Model x is currently loading", estimated_time: 20 },
      20_000,
      "estimated_time",
    ],
    [
      "reads OpenRouter's headers inside the body (report 20)",
      {
        error: {
          code: 429,
          metadata: { headers: { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(now + hour) } },
        },
      },
      hour,
      "X-RateLimit-Reset",
    ],
    [
      "reads JSON that was put into a message",
      { message: JSON.stringify(google({ retryDelay: "9s" })) },
      9000,
      "retryDelay",
    ],
  ])("%s", (_, body, milliseconds, field) => {
    expect(wait({}, body)).toEqual([milliseconds, `body ${field}`]);
    expect(wait({}, [body])).toEqual([milliseconds, `body ${field}`]);
  });

  it("passes over a field that names the past or the far future", () => {
    expect(wait({}, { resets_at: now / 1000 - 5 })).toBeUndefined();
    expect(wait({}, { error: { resets_at: now / 1000 + 4e7, retry_after: 5 } })).toEqual([5000, "body retry_after"]);
  });
});

describe("body text", () => {
  it.each([
    ['A1 honours "try again in 3h2m"', "Please try again in 3h2m.", 3 * hour + 2 * minute],
    [
      "reads Groq's text",
      "on tokens per day (TPD): Limit 1, Used 1. Please try again in 9m38.016s. Need more?",
      578_016,
    ],
    ["reads OpenAI's text", "Please try again in 20s. Visit https://x", 20_000],
    ["reads milliseconds", "Please try again in 345ms.", 345],
    ["reads a wait in words", "Try again in 1 hour and 5 minutes, please", hour + 5 * minute],
    ["reads Gemini's text", "limit: 2, model: m\nPlease retry in 56.18s.", 56_180],
    ["reads a plain number as seconds", "Rate limited, retry after 30", 30_000],
    ["reads a header quoted in text", "Retry-After: 45", 45_000],
    ["reads Google's text", "Your quota will reset after 8h44m7s.", 8 * hour + 44 * minute + 7000],
    ["reads Google's newer text", "Individual quota reached. Resets in 71h15m27s.", 71 * hour + 927_000],
    ["reads a request to wait", "Please wait for 12 seconds", 12_000],
    ["reads Anthropic's text", "API usage blocked until 2026-03-03T00:00:00+00:00", 14 * hour],
    ["reads a date in words", "You will regain access on 2026-03-04 at 00:00 UTC.", 38 * hour],
    ["reads a date after 'try again'", "Try again after 2026-03-02T10:30:00Z", 30 * minute],
  ])("%s", (_, text, milliseconds) => {
    expect(wait({}, text)).toEqual([milliseconds, "text"]);
    expect(wait({}, { error: { message: text } })).toEqual([milliseconds, "text"]);
  });

  it.each([
    "",
    "Too many requests",
    "limited to 50 requests in 1 day",
    "Try again later",
    "usage blocked until 2031-01-01T00:00:00Z",
  ])("finds no time in %j", (text) => {
    expect(wait({}, text)).toBeUndefined();
  });

  it("prefers used-up windows to fields, and fields to text", () => {
    const body = { error: { message: "try again in 5s", retry_after: 6 } };
    expect(wait({}, body)).toEqual([6000, "body retry_after"]);
    expect(wait({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" }, body)?.[0]).toBe(9000);
  });

  it("reads a large body in linear time", () => {
    const started = performance.now();
    for (const text of ["try again in ", "1", "[", '{"a":', "again in 1", "until 2026-03-0", "retry_after"]) {
      expect(wait({}, text.repeat(Math.ceil(1_000_000 / text.length)))?.[0] ?? 0).toBeLessThan(MAX_REST);
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
