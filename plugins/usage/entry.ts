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
  readonly attempts: readonly EntryAttempt[];
  readonly tags: readonly string[];
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

/** `undefined` for a caller who was not let in: that is no usage, and anybody can make any number of it. */
export function entryOf(outcome: Outcome, ctx: Context, { cost, hashIp }: EntryInit): Entry | undefined {
  if (outcome.status === 401 && ctx.principal === undefined) return undefined;
  const who = ctx.get(userSlot);
  const answered = outcome.answeredBy;
  const last = answered ?? ctx.attempts.at(-1);
  const { usage } = outcome;
  return {
    requestId: ctx.id,
    at: outcome.startedAt,
    user: who?.user ?? ctx.principal?.id ?? "",
    group: who?.group ?? "",
    protocol: ctx.protocol.id,
    operation: ctx.operation,
    asked: ctx.model.slice(0, NAME),
    provider: last?.provider.name ?? "",
    model: last?.model.slice(0, NAME) ?? "",
    credential: last?.credential.id ?? "",
    status: outcome.status,
    end: outcome.end,
    error: outcome.error?.kind ?? null,
    stream: ctx.stream,
    fellBack: answered !== undefined && answered.candidate !== ctx.attempts[0]?.candidate,
    usage,
    cost: answered === undefined || usage === undefined ? null : cost(answered, usage),
    duration: Math.max(0, Math.round(outcome.endedAt - outcome.startedAt)),
    firstByte:
      outcome.firstByteAt === undefined ? null : Math.max(0, Math.round(outcome.firstByteAt - outcome.startedAt)),
    attempts: ctx.attempts.slice(0, ATTEMPTS).map((attempt) => attemptOf(attempt, outcome)),
    tags: tagsOf(ctx.req.headers.get("x-waygate-tags")),
    ip: ctx.ip === undefined ? null : hashIp(ctx.ip),
  };
}

function attemptOf(attempt: Attempt, { endedAt }: Outcome): EntryAttempt {
  return {
    provider: attempt.provider.name,
    model: attempt.model.slice(0, NAME),
    credential: attempt.credential.id,
    status: attempt.status ?? null,
    ...(attempt.error && { error: attempt.error.kind }),
    ms: Math.max(0, Math.round((attempt.endedAt ?? endedAt) - attempt.startedAt)),
  };
}

/** `x-waygate-tags: team-a, nightly`. */
function tagsOf(header: string | null): readonly string[] {
  if (header === null) return [];
  const tags = header.split(",").map((tag) => tag.trim().slice(0, TAG));
  return [...new Set(tags.filter((tag) => tag !== ""))].slice(0, TAGS);
}
