/**
 * What the failures of Code Assist mean, as data (google.rpc error model; gemini-cli, `googleQuotaErrors`). The first row
 * whose conditions all hold decides; what no row knows is left to the core.
 */
import { type Classification, type ErrorKind, type ErrorScope, type FailureSignal, retryTime } from "waygate";
import { type GoogleError, googleError, linkOf } from "./google-error.ts";

const SECOND = 1000;

/** A wait of this and more is a quota that is used up, whatever the word for it. */
const LONG = 300 * SECOND;

export interface CodeAssistFailure {
  readonly status?: readonly number[];
  /** Tested against every reason. */
  readonly reason?: RegExp;
  readonly message?: RegExp;
  /** True: the error says nothing but its message. */
  readonly bare?: boolean;
  readonly kind: ErrorKind;
  readonly scope?: ErrorScope;
  /** Milliseconds from now when the error names no time. */
  readonly wait?: number;
  /** For the client and for the state of the account; default: the upstream's words. */
  readonly says?: (error: GoogleError) => string;
  /** Only a human can help: the account is asked no more until one has. */
  readonly needsHuman?: true;
}

const withLink =
  (words: string, ...names: readonly string[]) =>
  (error: GoogleError): string => {
    const link = linkOf(error, ...names);
    return link === undefined ? `${words} (${error.message})` : `${words}: ${link}`;
  };

/** The account as it is cannot be used: no other request of it can succeed, other accounts may. */
const unusable = { kind: "unknown", scope: "credential", needsHuman: true } as const;

export const codeAssistFailures: readonly CodeAssistFailure[] = [
  {
    reason: /^TOS_VIOLATION$/,
    kind: "banned",
    says: withLink(
      "Google has switched this account off for a violation of its terms; only an appeal can change that",
      "appeal_url",
    ),
  },
  {
    status: [403],
    message: /disabled\b.{0,80}\bviolation of (?:\w+ ){0,4}terms/i,
    kind: "banned",
    says: withLink("Google has switched this account off for a violation of its terms", "appeal_url"),
  },
  {
    reason: /^UNSUPPORTED_CLIENT$/,
    ...unusable,
    says: () =>
      "Google serves this account's plan no longer through this kind of client (UNSUPPORTED_CLIENT); use an API key of AI Studio with the gemini provider, or a licence of Code Assist Standard or Enterprise",
  },
  {
    reason: /^VALIDATION_REQUIRED$/,
    ...unusable,
    says: withLink("Google wants this account to be verified in a browser", "validation_link", "validation_url"),
  },
  {
    status: [403],
    reason: /^SERVICE_DISABLED$/,
    ...unusable,
    says: withLink(
      "The Gemini for Google Cloud API is switched off in the account's project; switch it on",
      "activationUrl",
    ),
  },
  {
    reason: /^SUBSCRIPTION_REQUIRED$/,
    ...unusable,
    says: withLink("The account's project has no licence for Code Assist"),
  },
  {
    status: [403],
    message: /\bnamed user\b/i,
    ...unusable,
    says: (error) => `The account is no named user of its organisation's subscription (${error.message})`,
  },
  {
    reason: /^SECURITY_POLICY_VIOLATED$/,
    ...unusable,
    says: (error) => `The organisation's VPC service controls refuse this account (${error.message})`,
  },
  {
    reason: /^(?:IAM_PERMISSION_DENIED|CONSUMER_INVALID)$/,
    ...unusable,
    says: (error) => `The account may not use its project; set another one (${error.message})`,
  },
  {
    status: [404],
    message: /^Resource\b.{0,20}\bprojects\/\S+ could not be found/i,
    ...unusable,
    says: (error) => `The account's project is gone; set another one (${error.message})`,
  },
  { status: [404], kind: "model_unavailable" },
  // The server is full, whoever asks: no account rests for it.
  { reason: /^(?:MODEL_)?CAPACITY_(?:EXHAUSTED|EXCEEDED)$|^MODEL_CAPACITY/, kind: "overloaded", scope: "request" },
  // Paid overage is used up; the plan's own quota comes back.
  { reason: /^INSUFFICIENT_G1_CREDITS_BALANCE$/, kind: "quota_exhausted" },
  { status: [429], reason: /^QUOTA_EXHAUSTED$/, kind: "quota_exhausted" },
  { status: [429], reason: /^RATE_LIMIT_EXCEEDED$|PerMinute/i, kind: "rate_limited", wait: 60 * SECOND },
  {
    status: [429],
    message: /individual quota reached|exhausted your capacity on this model/i,
    kind: "quota_exhausted",
  },
  // Passing, or because of what the prompt says: nothing is known of the account's quota.
  { status: [429], bare: true, kind: "rate_limited", wait: 3 * SECOND },
];

export interface Reading {
  readonly row: CodeAssistFailure;
  readonly error: GoogleError;
}

/** The row for an error, by its status and text. */
export function readFailure(
  status: number,
  text: string,
  rows: readonly CodeAssistFailure[] = codeAssistFailures,
): Reading | undefined {
  const error = googleError(text);
  if (!error) return undefined;
  const named = status >= 400 ? status : error.code;
  const row = rows.find((each) => matches(each, named, error));
  return row && { row, error };
}

function matches({ status, reason, message, bare }: CodeAssistFailure, named: number, error: GoogleError): boolean {
  if (status && !status.includes(named)) return false;
  if (reason && !error.reasons.some((each) => reason.test(each))) return false;
  if (message && !message.test(error.message)) return false;
  return bare === undefined || bare === !error.detailed;
}

/** A provider's `classify`. `more` comes before the rows above. */
export function classifyCodeAssist(
  more: readonly CodeAssistFailure[] = [],
): (signal: FailureSignal) => Classification | undefined {
  const rows = more.length > 0 ? [...more, ...codeAssistFailures] : codeAssistFailures;
  return (signal) => {
    const found = readFailure(
      signal.inBand && signal.error.status ? signal.error.status : signal.status,
      signal.body,
      rows,
    );
    if (!found) return undefined;
    const { kind, scope, wait, says } = found.row;
    const message = says?.(found.error);
    if (kind !== "rate_limited" && kind !== "quota_exhausted") return { kind, scope, message };
    // The body's own times before a header that a front end may have added.
    const at = retryTime({ ...signal, headers: {} })?.at ?? retryTime(signal)?.at;
    const isLong = at !== undefined && at - signal.now >= LONG;
    return {
      kind: isLong ? "quota_exhausted" : kind,
      scope,
      message,
      retryAt: at ?? (wait === undefined ? undefined : signal.now + wait),
    };
  };
}

/** True for a 429 that says nothing but that there was one. */
export function isBare(status: number, text: string): boolean {
  return readFailure(status, text)?.row.bare === true && retryTime({ headers: {}, body: text, now: 0 }) === undefined;
}
