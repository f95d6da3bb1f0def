/** Decides what a failed answer means: the provider's own reading first, then the shared rules, then the status. */
import type { Classification, FailureSignal, HeaderRecord, Provider } from "../plugin/provider.ts";
import { isHtml } from "./error-body.ts";
import { type ErrorKind, ProxyError } from "./error.ts";
import { maskSecrets } from "./mask.ts";
import { retryTime } from "./retry-time.ts";
import { type Rule, rules } from "./rules.ts";
import { errorTable, keepsStatus } from "./table.ts";

/** Characters of a message that are read and, of the result, kept. */
const READ = 4000;
const MESSAGE = 300;
/** Bytes of an upstream's body that are kept. */
const BODY = 65_536;

/** Fields outside the usual ones whose value names the cause (Google ErrorInfo, OpenRouter, Puter). */
const causes = /"(?:reason|quotaId|limit_source|error_type|delegate)"\s{0,4}:\s{0,4}"([^"\\]{1,100})"/g;

/** The words that name the cause, in lower case. */
function wordsOf({ error, body, headers }: FailureSignal): string[] {
  const words = [error.type, error.code, ...[...body.matchAll(causes)].slice(0, 20).map((match) => match[1])];
  // Anthropic rate-limit docs: the state of a subscription over all its windows.
  const unified = headers["anthropic-ratelimit-unified-status"];
  if (unified !== undefined) words.push(`unified_${unified}`);
  return words.filter((word) => word !== undefined).map((word) => word.toLowerCase());
}

/** The status the failure has: the HTTP status, or for an error inside a 200 the one it names; 0 when it names none. */
function effectiveStatus({ status, error, inBand }: FailureSignal): number {
  const named = status >= 400 ? status : 0;
  return inBand ? (error.status ?? named) : named || (error.status ?? 0);
}

function matches(rule: Rule, status: number, words: readonly string[], text: string): boolean {
  if (rule.status && !rule.status.includes(status) && !(status === 0 && !rule.httpOnly)) return false;
  if (rule.word && !words.some((word) => rule.word?.test(word))) return false;
  return !rule.text || rule.text.test(text);
}

function byStatus(status: number): Classification {
  if ([400, 406, 411, 413, 414, 415, 422, 431].includes(status)) return { kind: "invalid_request" };
  if (status === 401) return { kind: "credential_invalid" };
  if (status === 402) return { kind: "no_credit" };
  if (status === 410) return { kind: "model_unavailable" };
  if (status === 429) return { kind: "rate_limited" };
  if ([498, 503, 529].includes(status)) return { kind: "overloaded" };
  if ([504, 522, 524].includes(status)) return { kind: "timeout" };
  // None is the client's fault: a lost race, a request the upstream was too slow for, or a failed dependency.
  if (status >= 500 || [0, 408, 409, 424, 425, 499].includes(status)) return { kind: "upstream" };
  return { kind: "unknown" };
}

function read(signal: FailureSignal, status: number): Classification {
  const { error, body } = signal;
  if (isHtml(body) && [400, 403, 404, 405, 429].includes(status)) {
    // A gateway in front of the API answers every key alike.
    return { kind: "upstream", scope: "provider" };
  }
  const words = wordsOf(signal);
  const text = error.message.slice(0, READ);
  return rules.find((rule) => matches(rule, status, words, text)) ?? byStatus(status);
}

const timed: ReadonlySet<ErrorKind> = new Set([
  "overloaded",
  "upstream",
  "timeout",
  "unknown",
  "model_unavailable",
  "no_credit",
]);

/** Rate-limit headers come with every answer; they say when to come back only where a limit was the cause. */
function timeFor(kind: ErrorKind, { headers, body, now }: FailureSignal): number | undefined {
  if (kind === "rate_limited" || kind === "quota_exhausted") return retryTime({ headers, body, now })?.at;
  if (!timed.has(kind)) return undefined;
  const explicit: HeaderRecord = Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.includes("retry-after")),
  );
  return retryTime({ headers: explicit, body, now })?.at;
}

const oneLine = (text: string): string => {
  const line = maskSecrets(text.slice(0, READ)).replaceAll(/\s+/g, " ").trim();
  return line.length > MESSAGE ? `${line.slice(0, MESSAGE - 1)}…` : line;
};

function cut(text: string): string {
  if (text.length * 3 <= BODY) return text;
  const { read: characters } = new TextEncoder().encodeInto(text, new Uint8Array(BODY));
  return text.slice(0, characters);
}

const masked = (text: string | undefined): string | undefined => (text === undefined ? undefined : maskSecrets(text));

/**
 * The failure as the core handles it: kind, scope, the time to wait for, a masked message of one line, and what the
 * upstream said. What `provider` answers wins field by field. For a fault of the request `status` is set to what the
 * client should see.
 */
export function classify(signal: FailureSignal, provider?: Provider["classify"]): ProxyError {
  const status = effectiveStatus(signal);
  const own = provider?.(signal);
  const found = own ?? read(signal, status);
  // A plugin may have computed its time from a field that was not there.
  const named = Number.isFinite(own?.retryAt) ? own?.retryAt : undefined;
  const retryAt = named ?? timeFor(found.kind, signal);
  // A shortage that ends by itself does not need a human.
  const ends = own === undefined && found.kind === "no_credit" && retryAt !== undefined;
  const kind = ends ? "quota_exhausted" : found.kind;
  const row = errorTable[kind];
  const scope = found.scope ?? (ends ? "credential" : row.scope);
  const shown =
    keepsStatus(row, status) && [400, 403, 406, 411, 413, 414, 415, 422, 431].includes(status) ? status : row.status;
  const { error } = signal;
  const message = own?.message ?? error.message;
  return new ProxyError({
    kind,
    scope,
    message: message.trim() === "" ? `upstream answered ${status || signal.status} and no message` : oneLine(message),
    status: row.scope === "request" ? shown : undefined,
    param: row.scope === "request" ? error.param : undefined,
    retryAt,
    rests: own?.rests,
    upstream: {
      status: status || row.status,
      body: cut(maskSecrets(signal.body)),
      contentType: signal.headers["content-type"],
      type: masked(error.type),
      code: masked(error.code),
      param: masked(error.param),
      ...(own?.message !== undefined && { explained: true }),
    },
  });
}
