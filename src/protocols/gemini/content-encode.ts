/** Canonical messages to contents of the wire. */
import type { GenerateRequest, Json, JsonObject, Message, Part } from "../canonical.ts";
import { withPairedCalls } from "../paired-calls.ts";
import type { Emit, Loss } from "../types.ts";
import { wantsSignatures } from "./model.ts";
import { encodePart, encodeResult } from "./part-encode.ts";
import { withStandIns } from "./sentinel.ts";
import { readMeta } from "./values.ts";

export interface Encoded {
  readonly systemInstruction?: Json;
  readonly contents: readonly JsonObject[];
}

/** `own`: the request was one of this protocol, so that its turns are as this protocol wants them. */
export function encodeMessages(request: GenerateRequest, own: boolean, lose: Emit<Loss>): Encoded {
  const { messages, model } = request;
  const first = messages.findIndex(({ role }) => role !== "system");
  const system = messages.slice(0, first === -1 ? messages.length : first);
  const turns = first === -1 ? [] : messages.slice(first);
  const writer: Writer = { names: namesOf(turns), inside: wantsSignatures(model), lose };
  const instruction = encodeSystem(system, own, lose);
  const contents = own ? turns.flatMap((turn) => encodeOwn(turn, writer)) : encodeForeign(turns, writer);
  if (!own && contents.length === 0) {
    // Contents are required; alone, the system's words are a question like any other.
    const parts = instruction?.parts ?? [{ text: "." }];
    return { contents: [{ role: "user", parts }] };
  }
  return { ...(instruction && { systemInstruction: instruction.value }), contents: withStandIns(contents, model) };
}

interface Writer {
  /** The function a call's id stands for. */
  readonly names: ReadonlyMap<string, string>;
  /** Pictures may stand within the answer of a function. */
  readonly inside: boolean;
  readonly lose: Emit<Loss>;
}

function namesOf(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { parts } of messages)
    for (const part of parts) if (part.type === "tool-call") names.set(part.id, part.name);
  return names;
}

function encodeSystem(
  messages: readonly Message[],
  own: boolean,
  lose: Emit<Loss>,
): { value: Json; parts: readonly JsonObject[] } | undefined {
  const [first] = messages;
  if (!first) return undefined;
  const { rest, form } = readMeta(first.meta);
  const all = messages.flatMap(({ parts }) => parts);
  const parts = all.flatMap((part): readonly JsonObject[] => {
    if (!own && part.type === "text" && part.text === "") return [];
    if (own || part.type === "text") return listed(encodePart(part, lose));
    lose({ what: `${part.type} in the system's words`, where: "systemInstruction" });
    return [];
  });
  const [only] = all;
  if (form["content"] === "string" && all.length === 1 && only?.type === "text") return { value: only.text, parts };
  if (parts.length === 0 && !own) return undefined;
  return { value: { ...rest, ...named(form["role"]), ...written(parts, form) }, parts };
}

function listed(part: JsonObject | undefined): readonly JsonObject[] {
  return part ? [part] : [];
}

function named(role: Json | undefined): JsonObject {
  return role === undefined || role === "absent" ? {} : { role };
}

/** The parts as they were written: one alone may stand without a list. */
function written(parts: readonly JsonObject[], form: JsonObject): JsonObject {
  const [only] = parts;
  if (parts.length === 0 && form["parts"] === "absent") return {};
  return { parts: only && parts.length === 1 && form["parts"] === "single" ? only : parts };
}

function encodeOwn({ role, parts, meta }: Message, { names, inside, lose }: Writer): JsonObject[] {
  const { rest, form } = readMeta(meta);
  const encoded = parts.flatMap((part) =>
    part.type === "tool-result"
      ? [encodeResult(part, names.get(part.id) ?? part.id, inside, lose).part]
      : listed(encodePart(part, lose)),
  );
  if (encoded.length === 0) return [];
  const said = form["role"] ?? (role === "assistant" ? "model" : "user");
  return [{ ...rest, ...named(said), ...written(encoded, form) }];
}

interface Turn {
  readonly role: "user" | "model";
  readonly parts: JsonObject[];
  /** Answers of functions, which must stand alone. */
  readonly alone: boolean;
}

/** Turns as the service wants them: the user's first and last, and behind calls just as many answers. */
function encodeForeign(messages: readonly Message[], writer: Writer): readonly JsonObject[] {
  const turns: Turn[] = [];
  const add = (role: Turn["role"], parts: readonly JsonObject[], alone = false): void => {
    if (parts.length === 0) return;
    const last = turns.at(-1);
    if (last && last.role === role && !last.alone && !alone) last.parts.push(...parts);
    else turns.push({ role, parts: [...parts], alone });
  };
  for (const { role, parts } of withPairedCalls(messages)) {
    if (role === "assistant") {
      add("model", encodeAssistant(parts, writer.lose));
      continue;
    }
    const answers: JsonObject[] = [];
    const others: Part[] = [];
    for (const part of parts) {
      if (part.type !== "tool-result") {
        others.push(part);
        continue;
      }
      const name = writer.names.get(part.id) ?? part.id;
      const answer = encodeResult(part, name, writer.inside, writer.lose);
      answers.push(answer.part);
      others.push(...answer.aside);
    }
    add("user", answers, true);
    add(
      "user",
      others.flatMap((part) => (isEmptyText(part) ? [] : listed(encodePart(part, writer.lose)))),
    );
  }
  if (turns.length === 0) return [];
  if (turns[0]?.role === "model") turns.unshift({ role: "user", parts: [{ text: "." }], alone: false });
  if (turns.at(-1)?.role === "model") turns.push({ role: "user", parts: [{ text: "Please continue." }], alone: false });
  return turns.map(({ role, parts }) => ({ role, parts }));
}

function isEmptyText(part: Part): boolean {
  return part.type === "text" && part.text === "" && !part.seal;
}

function encodeAssistant(parts: readonly Part[], lose: Emit<Loss>): JsonObject[] {
  const encoded: JsonObject[] = [];
  let lent: Part | undefined;
  parts.forEach((part, at) => {
    if (part.type === "reasoning") {
      if (!part.seal) {
        if (part.text !== "") lose({ what: "reasoning without a signature", where: "contents" });
        return;
      }
      // Clients of other protocols keep a call's signature in the block of reasoning before it.
      const next = parts[at + 1];
      if (next?.type === "tool-call" && !next.seal) lent = { ...next, seal: part.seal };
      else encoded.push(part.text === "" ? { text: "", thoughtSignature: part.seal.value } : encodePart(part, lose)!);
      return;
    }
    if (isEmptyText(part)) return;
    const value = encodePart(lent ?? part, lose);
    lent = undefined;
    if (value) encoded.push(value);
  });
  return encoded;
}
