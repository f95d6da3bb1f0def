/** The files of one request as texts. Names of fields are those of the seed's transaction logs where it had them. */
import { type Attempt, type Context, type HeaderRecord, type Outcome, redactUrl } from "waygate";
import { writtenHeaders } from "./redact.ts";

type Mask = (text: string) => string;

/** An answer as the client got it. */
export interface Answered {
  readonly status: number;
  readonly headers: HeaderRecord;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What an upstream said before its body. */
export interface Heard {
  readonly status: number;
  readonly headers: HeaderRecord;
}

/** What is missing, in bytes. */
export interface Missing {
  /** Over the size of one request. */
  readonly cut: number;
  /** Because the disk was slower than the answers. */
  readonly dropped: number;
}

const iso = (at: number): string => new Date(at).toISOString();

/** A text as a value in JSON: as it came where it is JSON itself, so that no number loses its digits. */
export function embedded(text: string): string {
  if (!/^\s*[[{]/.test(text)) return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text); // Cut off, or no JSON after all.
  }
}

/** An object whose last member is a text that may be JSON. */
function withData(head: object, data: string | undefined, mask: Mask): string {
  const json = mask(JSON.stringify(head, undefined, 2));
  return `${json.slice(0, -2)},\n  "data": ${data === undefined ? "null" : embedded(mask(data))}\n}\n`;
}

export function requestText(ctx: Context, data: string | undefined, at: number, mask: Mask): string {
  const { pathname, search } = new URL(ctx.req.url);
  const head = {
    request_id: ctx.id,
    timestamp_utc: iso(at),
    method: ctx.req.method,
    path: redactUrl(`http://proxy${pathname}${search}`).slice("http://proxy".length),
    headers: writtenHeaders(ctx.req.headers),
  };
  return withData(head, data, mask);
}

export function responseText(
  ctx: Context,
  { status, headers, at }: Answered,
  began: number,
  data: string | undefined,
  mask: Mask,
): string {
  const head = {
    request_id: ctx.id,
    timestamp_utc: iso(at),
    status_code: status,
    duration_ms: Math.round(at - began),
    headers: writtenHeaders(Object.entries(headers)),
  };
  return withData(head, data, mask);
}

/** What was sent to the upstream. */
export function payloadText({ wire }: Attempt, data: string | undefined, mask: Mask): string {
  const { url, method, headers } = wire;
  return withData({ url: redactUrl(url), method, headers: writtenHeaders(Object.entries(headers)) }, data, mask);
}

/** One line of the client's stream; empty for what says nothing beside its neighbours. */
export function chunkText(line: string, at: number): string {
  if (line === "" || line.startsWith("event:")) return "";
  const data = line.startsWith("data:") ? line.slice(5).trim() : line;
  return `{"timestamp_utc":"${iso(at)}","chunk":${embedded(data)}}\n`;
}

export function gapText(bytes: number, at: number): string {
  return `{"timestamp_utc":"${iso(at)}","dropped_bytes":${bytes}}\n`;
}

export function metadataText(
  outcome: Outcome,
  ctx: Context,
  heard: ReadonlyMap<number, Heard>,
  { cut, dropped }: Missing,
  mask: Mask,
): string {
  const { startedAt, firstByteAt, endedAt, answeredBy, usage, error } = outcome;
  const metadata = {
    request_id: ctx.id,
    timestamp_utc: iso(startedAt),
    duration_ms: Math.round(endedAt - startedAt),
    first_byte_ms: firstByteAt === undefined ? null : Math.round(firstByteAt - startedAt),
    status_code: outcome.status,
    outcome: outcome.end,
    client_protocol: ctx.protocol.id,
    operation: ctx.operation,
    user: ctx.principal?.id ?? null,
    requested_model: ctx.model,
    provider: answeredBy?.provider.name ?? null,
    model: answeredBy?.model ?? null,
    streaming: ctx.stream,
    finish_reason: outcome.finish ?? null,
    usage: usage ?? null,
    error: error ? { kind: error.kind, code: error.code ?? null, message: error.message } : null,
    path: outcome.path,
    bytes: outcome.bytes,
    losses: outcome.losses,
    attempts: ctx.attempts.map((attempt) => ({
      number: attempt.index + 1,
      provider: attempt.provider.name,
      model: attempt.model,
      credential: attempt.credential.id,
      status_code: attempt.status ?? null,
      error: attempt.error ? { kind: attempt.error.kind, message: attempt.error.message } : null,
      started_ms: Math.round(attempt.startedAt - startedAt),
      duration_ms: Math.round((attempt.endedAt ?? endedAt) - attempt.startedAt),
      response_headers: writtenHeaders(Object.entries(heard.get(attempt.index)?.headers ?? {})),
    })),
    cut_bytes: cut,
    dropped_bytes: dropped,
  };
  return `${mask(JSON.stringify(metadata, undefined, 2))}\n`;
}
