/**
 * The last law of translation: what a request of P says, it still says after having been one of Q, but for what was
 * declared lost or refused; and an answer of P says the same to a client of Q. What is compared is the neutral reading of
 * `reading.ts`.
 */
import { describe, expect, it } from "vitest";
import { ProxyError } from "../../src/failure/error.ts";
import type { GenerateRequest, Json, StreamEvent } from "../../src/protocols/canonical.ts";
import { fitTools } from "../../src/protocols/fit-tools.ts";
import { withoutForeignSeals } from "../../src/protocols/foreign-seals.ts";
import { shippedProtocols } from "../../src/protocols/shipped.ts";
import type { Loss, Protocol } from "../../src/protocols/types.ts";
import type { RequestFixture, StreamFixture } from "../../src/testing/test-protocol.ts";
import { type Body, parsedBody } from "../../src/wire/body.ts";
import { encodeFrame, frameSplitter, parseFrame, type Sse } from "../../src/wire/sse.ts";
import { fixturesOf } from "./fixtures.ts";
import { type AnswerReading, readAnswer, readRequest } from "./reading.ts";

const spoken = shippedProtocols.filter(({ id }) => fixturesOf(id).requests.length > 0);
const pairs = spoken.flatMap((from) => shippedProtocols.map((to) => [from.id, to.id, from, to] as const));

describe.each(pairs)("from %s to %s", (_from, _to, from, to) => {
  const { requests, streams } = fixturesOf(from.id);

  it.each(requests)("the request $name says the same but for declared losses", (fixture) => {
    expect(changesOfRequest(from, to, fixture)).toEqual([]);
  });

  it.each(streams)("the answer $name says the same", (fixture) => {
    expect(changesOfAnswer(from, to, fixture)).toEqual([]);
  });
});

const leastTokens = 16;

/** What a loss has to speak of for a difference in this part of the reading. */
const declaredBy: { readonly [part: string]: RegExp } = {
  thought: /reason|think|thought|sign/i,
  failed: /fail|error/i,
  media: /media|image|audio|file|picture|sound|document|data|content/i,
  tools: /tool/i,
  maxTokens: /max|tokens|limit/i,
  temperature: /temperature/i,
  topP: /top_?p/i,
  topK: /top_?k/i,
  seed: /seed/i,
  presencePenalty: /penalt/i,
  frequencyPenalty: /penalt/i,
  stop: /stop/i,
  user: /user/i,
  toolChoice: /tool/i,
  parallelToolCalls: /parallel|tool/i,
  reasons: /reason|think|effort/i,
  format: /format|json|schema/i,
};

function changesOfRequest(from: Protocol, to: Protocol, { body, request }: RequestFixture): string[] {
  const losses: Loss[] = [];
  const lose = (loss: Loss): void => void losses.push(loss);
  const decoded = from.decodeRequest(parsedBody(JSON.stringify(body), body), request ?? requestTo(from));
  const passed = fitTools(withoutForeignSeals(decoded, { protocol: to.id, provider: "p" }, lose), to.tools).request;
  const before = readRequest(passed);
  let encoded: Body;
  try {
    encoded = to.encodeRequest(passed, lose);
  } catch (error) {
    // Refusing is as good as declaring, as long as it says which field.
    if (ProxyError.is(error) && error.code === "unsupported_feature" && error.param) return [];
    throw error;
  }
  const after = readRequest(decodedBy(to, passed, encoded));
  const changes: string[] = [];
  const check = (part: string, one: Json | undefined, other: Json | undefined): void => {
    if (JSON.stringify(one) === JSON.stringify(other)) return;
    // Some services want a number of tokens at least.
    if (part === "maxTokens" && Number(one) < leastTokens && other === leastTokens) return;
    // Who asks has no bearing on what is answered.
    if (part === "user" && other === undefined) return;
    // Where there is no such option the model is told in words.
    if (part === "format" && after.system.join().includes("JSON") && !before.system.join().includes("JSON")) return;
    if (losses.some(({ what, where }) => declaredBy[part]?.test(`${what} ${where}`))) return;
    changes.push(`${part}: ${JSON.stringify(one)} became ${JSON.stringify(other)}`);
  };
  const inOrder = after.said.join("\n");
  let at = 0;
  for (const text of before.said) {
    const found = inOrder.indexOf(text, at);
    if (found === -1) changes.push(`said: ${JSON.stringify(text)} is missing or out of order`);
    else at = found;
  }
  const everywhere = [...after.system, ...after.said].join("\n");
  for (const text of before.system) {
    if (!everywhere.includes(text)) changes.push(`system: ${JSON.stringify(text)} is missing`);
  }
  check("calls", before.calls, after.calls);
  before.results.forEach((text, index) => {
    if (!after.results[index]?.includes(text)) changes.push(`result ${index}: ${text} became ${after.results[index]}`);
  });
  check("thought", before.thought, after.thought);
  // Where there is no mark for it, the words of the result say it.
  if (!after.results.some((text) => /^error/i.test(text))) check("failed", before.failed, after.failed);
  check("media", before.media, after.media);
  // Services that want every called tool declared are told of those the conversation names.
  const known = new Set(before.tools.map(({ name }) => name));
  const named = new Set(before.calls.map(({ name }) => name));
  check(
    "tools",
    before.tools,
    after.tools.filter(({ name }) => known.has(name) || !named.has(name)),
  );
  for (const option of Object.keys(before.options)) check(option, before.options[option], after.options[option]);
  return changes;
}

/** Where a protocol says a part in the path, it is that of the request that was encoded. */
function decodedBy(to: Protocol, { model, stream }: GenerateRequest, encoded: Body): GenerateRequest {
  const path = to.path(model, stream, "generate");
  const request = new Request(`http://localhost/v1beta${path}`, { method: "POST" });
  return to.decodeRequest(parsedBody(encoded.text, encoded.json), request);
}

function requestTo(protocol: Protocol): Request {
  const [method = "POST", path = "/"] = (Object.keys(protocol.routes)[0] ?? "").split(" ");
  return new Request(`http://localhost${path}`, { method });
}

function changesOfAnswer(from: Protocol, to: Protocol, { text, broken = false }: StreamFixture): string[] {
  const events = decodedEvents(from, framesOf(text));
  const losses: Loss[] = [];
  const encoder = to.encoder({ id: "a", model: "m", created: 1, usage: true }, (loss) => losses.push(loss));
  const messages: Sse[] = [];
  for (const event of events) encoder.event(event, (message) => messages.push(message));
  encoder.end((message) => messages.push(message));
  const frames = messages.map((message) => Buffer.from(encodeFrame(message)));
  const before = readAnswer(events);
  const after = readAnswer(decodedEvents(to, frames));
  const textOnly = to.id === "openai-completions";
  const changes: string[] = [];
  for (const part of ["text", "thought", "calls", "finish", "input", "output", "error"] as const) {
    if (textOnly && (part === "thought" || part === "calls")) continue;
    // After an error nothing more is known.
    if (broken && (part === "finish" || part === "input" || part === "output")) continue;
    const one = JSON.stringify(before[part]);
    const other = JSON.stringify(after[part]);
    if (one === other || (one === undefined && (part === "input" || part === "output"))) continue;
    if (part === "finish" && isSameEnd(before, after.finish, textOnly)) continue;
    changes.push(`${part}: ${one} became ${other}`);
  }
  if (textOnly && (before.thought !== "" || before.calls.length > 0) && losses.length === 0) {
    changes.push("reasoning or calls were left out and not declared lost");
  }
  return changes;
}

/** Ends that some protocols cannot tell apart. */
function isSameEnd({ finish: one, calls }: AnswerReading, other: string | undefined, textOnly: boolean): boolean {
  if (one === "tool-calls" && textOnly) return other === "stop";
  // Calls the upstream has answered itself, too, are the end of an answer to readers of the other protocols.
  if (one === "stop" && calls.length > 0) return other === "tool-calls";
  return (one === "pause" || one === "other") && other === "stop";
}

function framesOf(text: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const splitter = frameSplitter(1024 * 1024);
  splitter.push(Buffer.from(text), (frame) => frames.push(frame));
  const rest = splitter.rest();
  return rest ? [...frames, rest] : frames;
}

function decodedEvents(protocol: Protocol, frames: readonly Uint8Array[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = protocol.decoder();
  for (const frame of frames) {
    const message = parseFrame(frame);
    if (message) decoder.message(message, (event) => events.push(event));
  }
  decoder.end((event) => events.push(event));
  return events;
}
