/** Which headers cross the proxy. Both directions are allow lists: what is not named here stays where it is. */
import type { HeaderRecord } from "../plugin/provider.ts";

interface Allowed {
  /** Lower case; a trailing `*` stands for any rest. */
  readonly name: string;
  readonly why: string;
  /** The name it gets on the other side. */
  readonly as?: string;
  /** Only an upstream that speaks the client's protocol knows what it means. */
  readonly native?: true;
}

/** From the client to an upstream. Everything about who the client is or how it is connected is left out. */
export const requestHeaders: readonly Allowed[] = [
  { name: "openai-beta", why: "turns on beta features of the OpenAI API", native: true },
  { name: "anthropic-beta", why: "turns on beta features of the Anthropic API", native: true },
  { name: "anthropic-version", why: "the Anthropic API's answers depend on it", native: true },
  { name: "idempotency-key", why: "lets an upstream recognise a request that is sent again" },
];

/** From an upstream to the client. */
export const answerHeaders: readonly Allowed[] = [
  { name: "content-type", why: "needed to read the body" },
  { name: "retry-after", why: "clients wait for it" },
  { name: "retry-after-ms", why: "the same in milliseconds, as OpenAI's clients read it" },
  { name: "openai-processing-ms", why: "how long the upstream took" },
  { name: "openai-version", why: "the API version that answered" },
  { name: "openai-model", why: "the model that answered" },
  { name: "x-ratelimit-*", why: "what is left of the limits, as OpenAI and others name it" },
  { name: "anthropic-ratelimit-*", why: "what is left of the limits, as Anthropic names it" },
  { name: "x-request-id", as: "x-upstream-request-id", why: "the upstream's id; x-request-id is ours" },
  { name: "request-id", as: "x-upstream-request-id", why: "the same as Anthropic names it" },
];

/** The client's headers that may go to an upstream, which speaks the client's protocol (`native`) or another. */
export function forwardable(headers: Headers | HeaderRecord, native = true): HeaderRecord {
  const read = headers instanceof Headers ? (name: string) => headers.get(name) : (name: string) => headers[name];
  const bound = connectionOptions(read("connection"));
  const result: { [name: string]: string } = {};
  for (const { name, native: isNative } of requestHeaders) {
    if (isNative && !native) continue;
    const value = read(name);
    if (typeof value === "string" && !bound.includes(name)) result[name] = value;
  }
  return result;
}

/** An upstream's headers that may go to the client, in an object of their own. */
export function responseHeaders(headers: HeaderRecord): { [name: string]: string } {
  const bound = connectionOptions(headers["connection"]);
  const result: { [name: string]: string } = {};
  for (const name in headers) {
    const rule = exact.get(name) ?? prefixes.find((prefix) => name.startsWith(prefix.name.slice(0, -1)));
    const value = headers[name];
    if (rule !== undefined && value !== undefined && !bound.includes(name)) result[rule.as ?? name] = value;
  }
  return result;
}

const exact = new Map(answerHeaders.filter(({ name }) => !name.endsWith("*")).map((rule) => [rule.name, rule]));
const prefixes = answerHeaders.filter(({ name }) => name.endsWith("*"));

/** Names in `connection` are for this hop only, whatever they are (RFC 9110, 7.6.1). */
function connectionOptions(value: string | null | undefined): readonly string[] {
  return value
    ? value
        .toLowerCase()
        .split(",")
        .map((name) => name.trim())
    : [];
}
