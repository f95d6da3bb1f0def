/** Reads the error bodies of all upstreams, whatever their shape, into one. */
import type { ErrorBody } from "../plugin/provider.ts";

type Fields = { readonly [name: string]: unknown };

/** Characters kept of a body that is no known shape. */
const RAW = 500;
/** Characters kept of what a gateway quotes from the provider behind it. */
const QUOTED = 300;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Plain text and HTML are answers too; the caller reads them as such.
    return undefined;
  }
}

function word(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function statusIn(...values: readonly unknown[]): number | undefined {
  for (const value of values) {
    const status = Number(word(value));
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  return undefined;
}

/** One entry of a validation list (FastAPI, Mistral 422): `body.messages.0: Field required`. */
function complaint(item: unknown): string {
  if (!isFields(item)) return word(item) ?? "";
  const where = Array.isArray(item.loc) ? item.loc.join(".") : (word(item.loc) ?? "");
  const what = word(item.msg) ?? word(item.message) ?? word(item.type) ?? "";
  return where === "" ? what : `${where}: ${what}`;
}

/** A message may be text, a list of complaints, or an object that holds one of both. */
function sentence(value: unknown, depth = 0): string | undefined {
  if (Array.isArray(value)) return word(value.map(complaint).filter(Boolean).join("; "));
  if (!isFields(value)) return word(value);
  return depth > 4 ? undefined : sentence(value.detail ?? value.message ?? value.msg ?? value.error, depth + 1);
}

function make(message: string | undefined, fields: Fields, outer: Fields = {}): ErrorBody {
  const code = word(fields.code) ?? word(outer.code);
  const named = word(fields.type) ?? word(fields.error_type) ?? word(outer.error_type);
  // Google names the class of the error in `status` ("RESOURCE_EXHAUSTED"), others repeat the HTTP status there.
  const type = named ?? (typeof fields.status === "string" && !statusIn(fields.status) ? fields.status : undefined);
  const param = word(fields.param);
  const status = statusIn(
    fields.status,
    fields.status_code,
    fields.raw_status_code,
    fields.code,
    outer.status,
    outer.code,
  );
  return {
    message: message ?? type ?? code ?? "",
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
    ...(status === undefined ? {} : { status }),
  };
}

/** An `error` object: OpenAI, Anthropic, Google, OpenRouter, Groq, Together, DeepSeek and most others. */
function fromErrorObject(error: Fields, outer: Fields): ErrorBody {
  const text = typeof error.message === "string" ? error.message.trim() : "";
  // Some gateways put the provider's whole answer, as JSON, into the message.
  const inner = text.startsWith("{") ? parse(text) : undefined;
  if (isFields(inner) && (isFields(inner.error) || inner.message !== undefined)) {
    const read = readFields(inner);
    if (read) return { ...make(undefined, error, outer), ...read };
  }
  const metadata = isFields(error.metadata) ? error.metadata : {};
  const raw = word(metadata.raw);
  const message = sentence(error.message) ?? sentence(error.detail);
  const quoted =
    raw === undefined ? message : `${message ?? ""}: ${(readErrorBody(raw).message || raw).slice(0, QUOTED)}`;
  return make(quoted, { ...error, error_type: error.error_type ?? metadata.error_type }, outer);
}

function readFields(body: Fields): ErrorBody | undefined {
  if (isFields(body.error)) return fromErrorObject(body.error, body);
  // A failed Responses stream, and choices and side channels that carry an error of their own.
  for (const holder of [
    body.response,
    Array.isArray(body.choices) ? (body.choices as unknown[])[0] : undefined,
    body.x_groq,
  ]) {
    if (!isFields(holder)) continue;
    if (isFields(holder.error)) return fromErrorObject(holder.error, holder);
    if (typeof holder.error === "string") return make(holder.error, {});
  }
  if (typeof body.error === "string") {
    // OAuth servers put the code into `error` and the sentence beside it.
    const described = word(body.error_description) ?? word(body.message);
    return described === undefined
      ? make(body.error, body)
      : make(described, { ...body, code: body.code ?? body.error });
  }
  if (Array.isArray(body.error)) return make(sentence(body.error), body);
  const message = sentence(body.message) ?? word(body.msg) ?? word(body.Message);
  if (message !== undefined) return make(message, body);
  const detail = sentence(body.detail);
  const title = word(body.title);
  if (detail === undefined && title === undefined) return undefined;
  const inner = isFields(body.detail) ? body.detail : body;
  return make(detail !== undefined && title !== undefined ? `${title}: ${detail}` : (detail ?? title), inner, body);
}

/**
 * The message, type, code, param and status an error body holds. Not masked. Text that is no known shape is the
 * message itself, cut to 500 characters; an empty body gives an empty message.
 */
export function readErrorBody(text: string): ErrorBody {
  const trimmed = text.trim();
  // A streamed request may be refused with a single server-sent event.
  const event = /^(?:event:[^\n]{0,200}\n)?data: ?(\{[^\n]*)/.exec(trimmed)?.[1];
  const parsed = /^[{["]/.test(trimmed) ? parse(trimmed) : event === undefined ? undefined : parse(event);
  const body = Array.isArray(parsed) ? (parsed.find(isFields) as unknown) : parsed;
  if (isFields(body)) {
    const read = readFields(body);
    if (read) return read.message === "" ? { ...read, message: trimmed.slice(0, RAW) } : read;
  }
  if (typeof body === "string") return { message: body.slice(0, RAW) };
  if (isHtml(trimmed)) return { message: "upstream returned an HTML page" };
  return { message: trimmed.slice(0, RAW) };
}

/** True for a page of a gateway or load balancer instead of an answer of the API. */
export function isHtml(text: string): boolean {
  return /^\s{0,50}(?:<\?xml[^>]{0,200}>\s{0,50})?(?:<!--[^>]{0,500}>\s{0,50})?<(?:!doctype html|html|head|body|center|title|h1)\b/i.test(
    text,
  );
}
