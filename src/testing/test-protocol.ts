/** The laws every protocol keeps, checked over fixtures. Throws at the first breach; needs no test framework. */
import type { Json, JsonObject, StreamEvent } from "../protocols/canonical.ts";
import type { Probe, Protocol } from "../protocols/types.ts";
import { parsedBody } from "../wire/body.ts";
import { encodeFrame, frameSplitter, parseFrame, type Sse } from "../wire/sse.ts";

export interface RequestFixture {
  readonly name: string;
  readonly body: JsonObject;
  /** For protocols that say a part in the path. Default: a POST to the protocol's first route. */
  readonly request?: Request;
}

export interface StreamFixture {
  readonly name: string;
  /** Server-sent events as an upstream sends them. */
  readonly text: string;
  /** The same answer as one body. */
  readonly twin?: JsonObject;
  /** True for a stream that breaks off or carries an error: it must end in one `error` event. */
  readonly broken?: boolean;
}

export interface BodyFixture {
  readonly name: string;
  readonly body: JsonObject;
}

export interface ProtocolFixtures {
  readonly protocol: Protocol;
  readonly requests?: readonly RequestFixture[];
  readonly streams?: readonly StreamFixture[];
  readonly bodies?: readonly BodyFixture[];
  /** Takes out of an answer what may differ without meaning anything. Default: null and whatever is empty. */
  readonly normalise?: (answer: Json) => Json;
}

/** Throws an `Error` that names the protocol, the law, the fixture and the first place that differs. */
export function testProtocol(fixtures: ProtocolFixtures): void {
  const { protocol, normalise = dropEmpty } = fixtures;
  const laws = { protocol, normalise };
  for (const fixture of fixtures.requests ?? []) keepsRequest(protocol, fixture);
  for (const fixture of fixtures.streams ?? []) keepsStream(laws, fixture);
  for (const { name, body } of fixtures.bodies ?? []) keepsBody(laws, name, body);
}

interface Laws {
  readonly protocol: Protocol;
  readonly normalise: (answer: Json) => Json;
}

function keepsRequest(protocol: Protocol, { name, body, request }: RequestFixture): void {
  const [method, path] = (Object.keys(protocol.routes)[0] ?? "POST /").split(" ");
  const sent = request ?? new Request(`http://localhost${path}`, { method });
  const losses: string[] = [];
  const first = protocol.decodeRequest(parsedBody(JSON.stringify(body), body), sent);
  const encoded = protocol.encodeRequest(first, (loss) => losses.push(`${loss.what} (${loss.where})`));
  const title = (law: string): string => `[${protocol.id}] ${law}, request "${name}"`;
  same(encoded.json, body, title("encoding what was decoded gives the request again"));
  same(JSON.parse(encoded.text), body, title("the text says what the value says"));
  same(losses, [], title("nothing is lost towards its own protocol"));
  same(protocol.decodeRequest(encoded, sent), first, title("decoding what was encoded gives the canonical form again"));
}

function keepsStream({ protocol, normalise }: Laws, { name, text, twin, broken = false }: StreamFixture): void {
  const title = (law: string): string => `[${protocol.id}] ${law}, stream "${name}"`;
  const bytes = Buffer.from(text);
  const frames = framesOf([bytes]);
  const whole = read(protocol, frames);
  same(read(protocol, frames), whole, title("reading the same again gives the same"));
  const isUnchanged = (chunks: readonly Uint8Array[], law: string): void => {
    const cut = framesOf(chunks);
    // Frames are all that a protocol sees of the network: the same ones need not be read again.
    if (!areSame(cut, frames)) same(read(protocol, cut), whole, title(law));
  };
  for (let at = 1; at < bytes.length; at += 1) {
    isUnchanged([bytes.subarray(0, at), bytes.subarray(at)], `a cut at byte ${at} changes nothing`);
  }
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  isUnchanged(single, "bytes one by one change nothing");

  const errors = whole.events.filter((event) => event.type === "error").length;
  same(errors, broken ? 1 : 0, title(broken ? "one error event ends it" : "no error event in it"));
  if (broken) return;
  const again = encode(protocol, whole.events);
  const echoed = encode(protocol, decodeMessages(protocol, again.messages));
  same(normalise(echoed.body), normalise(again.body), title("encoding and decoding again gives the same answer"));
  if (twin) same(normalise(again.body), normalise(twin), title("folding the stream gives its whole twin"));
}

function keepsBody({ protocol, normalise }: Laws, name: string, body: JsonObject): void {
  const title = (law: string): string => `[${protocol.id}] ${law}, body "${name}"`;
  const events: StreamEvent[] = [];
  protocol.decoder().body(body, (event) => events.push(event));
  const again = encode(protocol, events);
  same(normalise(again.body), normalise(body), title("encoding what was decoded gives the body again"));
  const streamed = encode(protocol, decodeMessages(protocol, again.messages));
  same(
    normalise(streamed.body),
    normalise(body),
    title("sending it as a stream and folding that gives the body again"),
  );
}

interface Reading {
  readonly bytes: string;
  readonly events: readonly StreamEvent[];
  readonly forwarded: readonly (Sse | undefined)[];
  readonly probe: Json;
}

function framesOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  const splitter = frameSplitter(1024 * 1024);
  const frames: Uint8Array[] = [];
  const keep = (frame: Uint8Array): void => void frames.push(frame);
  for (const chunk of chunks) splitter.push(chunk, keep);
  const rest = splitter.rest();
  if (rest) keep(rest);
  return frames;
}

function areSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((frame, at) => Buffer.compare(frame, others[at]!) === 0);
}

function read(protocol: Protocol, frames: readonly Uint8Array[]): Reading {
  const probe = protocol.probe({ dropUsage: false });
  const decoder = protocol.decoder();
  const events: StreamEvent[] = [];
  const forwarded: Sse[] = [];
  for (const frame of frames) {
    const message = parseFrame(frame);
    if (probe.see(frame) !== "drop" && message) forwarded.push(message);
    if (message) decoder.message(message, (event) => events.push(event));
  }
  decoder.end((event) => events.push(event));
  return { bytes: Buffer.concat(frames).toString("latin1"), events, forwarded, probe: probeState(probe) };
}

function probeState({ started, finished, usage, finish, error }: Probe): Json {
  return {
    started,
    finished,
    usage: usage ? { ...usage } : null,
    finish: finish ?? null,
    error: error ? { ...error } : null,
  };
}

function decodeMessages(protocol: Protocol, messages: readonly Sse[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = protocol.decoder();
  // Through the text and back, as a client would read it.
  for (const message of messages) {
    const received = parseFrame(Buffer.from(encodeFrame(message)));
    if (received) decoder.message(received, (event) => events.push(event));
  }
  decoder.end((event) => events.push(event));
  return events;
}

function encode(protocol: Protocol, events: readonly StreamEvent[]): { messages: readonly Sse[]; body: JsonObject } {
  const start = events.find((event) => event.type === "start");
  const init = { id: "answer-1", model: start?.model ?? "model-1", created: 1_700_000_000, usage: true };
  const losses: string[] = [];
  const encoder = protocol.encoder(init, (loss) => losses.push(`${loss.what} (${loss.where})`));
  const messages: Sse[] = [];
  for (const event of events) encoder.event(event, (message) => messages.push(message));
  encoder.end((message) => messages.push(message));
  same(losses, [], `[${protocol.id}] nothing of an answer is lost towards its own protocol`);
  return { messages, body: encoder.body() };
}

function dropEmpty(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => dropEmpty(item));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value as JsonObject).map(([key, item]) => [key, dropEmpty(item)] as const);
  return Object.fromEntries(kept.filter(([, item]) => item !== null && item !== "" && !isHollow(item)));
}

function isHollow(value: Json): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function same(actual: unknown, expected: unknown, title: string): void {
  const difference = differing(actual, expected, "$");
  if (difference) throw new Error(`${title}: ${difference}`);
}

/** The first place that differs, with both values. */
function differing(actual: unknown, expected: unknown, path: string): string | undefined {
  if (Object.is(actual, expected)) return undefined;
  if (!isRecord(actual) || !isRecord(expected) || Array.isArray(actual) !== Array.isArray(expected)) {
    return `at ${path}: ${show(actual)} instead of ${show(expected)}`;
  }
  for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    const found = differing(actual[key], expected[key], `${path}.${key}`);
    if (found) return found;
  }
  // Errors hold their message outside of their own enumerable fields.
  if (actual instanceof Error && expected instanceof Error) return differing(actual.message, expected.message, path);
  return undefined;
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 200);
}
