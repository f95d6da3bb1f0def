/** What the services behind the Anthropic and the Gemini protocol say about failures, beyond statuses and codes. */
import type { FailureRule } from "./failures.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** Anthropic API docs, "Errors" and "Rate limits". */
export const anthropicFailures: readonly FailureRule[] = [
  // "You have reached your specified API usage limits. You will regain access on 2026-01-01 at 00:00 UTC."
  {
    status: [400, 403, 429],
    text: /usage limits?\b.{0,80}regain access/i,
    kind: "quota_exhausted",
    scope: "credential",
  },
];

/** Gemini API docs, "Rate limits" and "Troubleshooting"; Google APIs, `google.api.ErrorReason`. */
export const geminiFailures: readonly FailureRule[] = [
  // A limit of none: the model is not part of what the key's project has.
  { status: [429], text: /\blimit: 0\b/, kind: "model_unavailable", until: (now) => now + DAY },
  // The delay beside it is that of a limit per minute.
  {
    status: [429],
    body: /"quotaId"\s*:\s*"[^"]*(?:PerDay|Daily)/i,
    kind: "quota_exhausted",
    until: nextPacificDay,
  },
  { status: [402], kind: "no_credit" },
  {
    status: [400, 403],
    body: /"reason"\s*:\s*"(?:API_KEY_(?:INVALID|(?:SERVICE|HTTP_REFERRER|IP_ADDRESS|ANDROID_APP|IOS_APP)_BLOCKED)|SERVICE_DISABLED|CONSUMER_INVALID)"/,
    kind: "credential_invalid",
  },
  { status: [403], text: /reported as leaked/i, kind: "credential_invalid" },
  { status: [403], body: /"reason"\s*:\s*"BILLING_DISABLED"/, kind: "no_credit" },
];

/** The next midnight in California, where daily quotas of the Gemini API begin anew. */
export function nextPacificDay(now: number): number {
  const since = sinceMidnight(now);
  const next = now - (now % 1000) - since + DAY;
  // One day of the year has 23 hours and one 25.
  const off = sinceMidnight(next);
  return off === 0 ? next : off < DAY / 2 ? next - off : next + HOUR * Math.round((DAY - off) / HOUR);
}

/** Milliseconds of wall-clock time. */
function sinceMidnight(time: number): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: "America/Los_Angeles",
    hourCycle: "h23",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(time);
  const read = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return ((read("hour") * 60 + read("minute")) * 60 + read("second")) * 1000;
}
