/** What the ledger keeps of one request: numbers and names, never content. */
import { type Attempt, type Context, type Outcome, type Usage, userSlot } from "waygate";

/** One request. Times are epoch milliseconds, durations milliseconds. */
export interface Entry {
  readonly requestId: string;
  readonly at: number;
  /** Empty where nobody has to say who they are. */
  readonly user: string;
  readonly group: string;
  readonly protocol: string;
  readonly operation: string;
  /** The model as the client named it. */
  readonly asked: string;
  /** Empty when nobody was asked. */
  readonly provider: string;
  readonly model: string;
  readonly credential: string;
  readonly status: number;
  readonly end: Outcome["end"];
  /** The kind of the error that the client got. */
  readonly error: string | null;
  readonly stream: boolean;
  readonly fellBack: boolean;
  readonly usage: Usage | undefined;
  /** US dollars; null where no price is known. */
  readonly cost: number | null;
  readonly duration: number;
  readonly firstByte: number | null;
  /** `undefined` when there was none, or only one of which the rest of the entry says all. */
  readonly attempts: readonly EntryAttempt[] | undefined;
  /** `undefined` without any. */
  readonly tags: readonly string[] | undefined;
  /** The address as an HMAC. */
  readonly ip: string | null;
}

export interface EntryAttempt {
  readonly provider: string;
  readonly model: string;
  readonly credential: string;
  readonly status: number | null;
  readonly error?: string;
  readonly ms: number;
}

export interface EntryInit {
  /** Of the answering attempt. */
  cost(attempt: Attempt, usage: Usage): number | null;
  hashIp(address: string): string | null;
}

/** Clients choose names of models; longer ones are hardly real. */
const NAME = 200;
const TAGS = 10;
const TAG = 64;
/** Attempts kept of one request. */
const ATTEMPTS = 20;
/** Milliseconds that a request may take longer than its only attempt without anything to tell about that. */
const BESIDE = 10;

/** `undefined` for a caller who was not let in: that is no usage, and anybody can make any number of it. */
export function entryOf(outcome: Outcome, ctx: Context, { cost, hashIp }: EntryInit): Entry | undefined {
  const { principal, attempts, ip } = ctx;
  const { status, usage, startedAt, endedAt, firstByteAt, answeredBy: answered } = outcome;
  if (status === 401 && principal === undefined) return undefined;
  const who = ctx.get(userSlot);
  const last = answered ?? attempts.at(-1);
  return {
    requestId: ctx.id,
    at: startedAt,
    user: who?.user ?? principal?.id ?? "",
    group: who?.group ?? "",
    protocol: ctx.protocol.id,
    operation: ctx.operation,
    asked: ctx.model.slice(0, NAME),
    provider: last?.provider.name ?? "",
    model: last?.model.slice(0, NAME) ?? "",
    credential: last?.credential.id ?? "",
    status,
    end: outcome.end,
    error: outcome.error?.kind ?? null,
    stream: ctx.stream,
    fellBack: answered !== undefined && answered.candidate !== attempts[0]?.candidate,
    usage,
    cost: answered === undefined || usage === undefined ? null : cost(answered, usage),
    duration: span(startedAt, endedAt),
    firstByte: firstByteAt === undefined ? null : span(startedAt, firstByteAt),
    attempts: tellsAll(attempts, outcome)
      ? undefined
      : attempts.slice(0, ATTEMPTS).map((each) => attemptOf(each, endedAt)),
    tags: tagsOf(ctx.req.headers.get("x-waygate-tags")),
    ip: ip === undefined ? null : hashIp(ip),
  };
}

/** Whether the request is all there is to say of its attempts: most have one, which answered. */
function tellsAll(attempts: readonly Attempt[], { answeredBy, status, startedAt, endedAt }: Outcome): boolean {
  if (attempts.length !== 1) return attempts.length === 0;
  const only = attempts[0]!;
  if (only !== answeredBy || only.status !== status || only.error !== undefined) return false;
  return only.startedAt - startedAt + endedAt - (only.endedAt ?? endedAt) <= BESIDE;
}

function attemptOf(attempt: Attempt, end: number): EntryAttempt {
  const { provider, model, credential, status, error, startedAt, endedAt } = attempt;
  return {
    provider: provider.name,
    model: model.slice(0, NAME),
    credential: credential.id,
    status: status ?? null,
    ...(error && { error: error.kind }),
    ms: span(startedAt, endedAt ?? end),
  };
}

function span(from: number, to: number): number {
  return Math.max(0, Math.round(to - from));
}

/** `x-waygate-tags: team-a, nightly`. */
function tagsOf(header: string | null): readonly string[] | undefined {
  if (header === null) return undefined;
  const tags = header.split(",").map((tag) => tag.trim().slice(0, TAG));
  const kept = [...new Set(tags.filter((tag) => tag !== ""))].slice(0, TAGS);
  return kept.length === 0 ? undefined : kept;
}
