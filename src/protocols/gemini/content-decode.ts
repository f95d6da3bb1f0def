/** Contents of the wire to canonical messages. What only this protocol knows goes through whole, as opaque parts. */
import type { Json, JsonObject, Message, Part, Seal } from "../canonical.ts";
import { readSeal } from "../seal.ts";
import { guessedType } from "./media-types.ts";
import { isArray, isEmpty, isObject, isText, listOf, opaque, ownMeta, protocolId, without } from "./values.ts";

/** Every content becomes one message, so that encoding gives the same list again. */
export function decodeContents(contents: readonly Json[]): Message[] {
  const calls = openCalls();
  return contents.map((content, at) => decodeContent(content, at, calls));
}

function decodeContent(content: Json, at: number, calls: OpenCalls): Message {
  if (!isObject(content)) return { role: "user", parts: [opaque("part", content)] };
  const { role, parts } = content;
  const form: { [key: string]: Json } = {};
  if (role !== "user" && role !== "model") form["role"] = role ?? "absent";
  if (!isArray(parts)) form["parts"] = "single";
  const list = listOf(parts).map((part, index) => decodePart(part, `${at}_${index}`, calls));
  const assistant = role === "model";
  return {
    role: assistant ? "assistant" : "user",
    parts: list,
    ...ownMeta(without(content, ["role", "parts"]), form),
  };
}

/** The system's words, which have no role that matters. */
export function decodeSystem(value: Json | undefined): Message | undefined {
  if (typeof value === "string") {
    return { role: "system", parts: [{ type: "text", text: value }], ...ownMeta({}, { content: "string" }) };
  }
  if (!isObject(value)) return undefined;
  const { role, parts } = value;
  const form: { [key: string]: Json } = role === undefined ? {} : { role };
  if (!isArray(parts)) form["parts"] = parts === undefined ? "absent" : "single";
  const list = listOf(parts).map((part, index) => decodePart(part, `s_${index}`, openCalls()));
  return { role: "system", parts: list, ...ownMeta(without(value, ["role", "parts"]), form) };
}

export function decodePart(value: Json, place: string, calls: OpenCalls): Part {
  if (!isObject(value)) return opaque("part", value);
  const { thoughtSignature, ...fields } = value;
  const seal: { seal?: Seal } = isText(thoughtSignature) ? { seal: readSeal(thoughtSignature, protocolId) } : {};
  const unread: JsonObject = thoughtSignature === undefined || isText(thoughtSignature) ? {} : { thoughtSignature };
  const { text, thought, inlineData, fileData, functionCall, functionResponse } = fields;
  if (typeof text === "string") {
    if (thought === true) {
      return { type: "reasoning", text, ...seal, ...ownMeta({ ...without(fields, ["text", "thought"]), ...unread }) };
    }
    return { type: "text", text, ...seal, ...ownMeta({ ...without(fields, ["text"]), ...unread }) };
  }
  if (isObject(functionCall) && isText(functionCall["name"])) {
    const { id, name, args, ...more } = functionCall;
    const form = { ...(id === undefined && { id: "absent" }), ...(args === undefined && { args: "absent" }) };
    const rest = { ...nested("functionCall", more, without(fields, ["functionCall"])), ...unread };
    const call = { id: isText(id) ? id : `call_${place}`, name };
    calls.open(call);
    return { type: "tool-call", ...call, input: JSON.stringify(args ?? {}), ...seal, ...ownMeta(rest, form) };
  }
  if (isObject(functionResponse) && !seal.seal && isEmpty(unread)) {
    return decodeResult(functionResponse, without(fields, ["functionResponse"]), place, calls);
  }
  const media = decodeMedia(inlineData, fileData, fields);
  return media && isEmpty(unread) ? { ...media, ...seal } : opaque("part", value);
}

/** A picture, sound or document; `undefined` for anything else. */
export function decodeMedia(
  inlineData: Json | undefined,
  fileData: Json | undefined,
  fields: JsonObject,
): Extract<Part, { type: "media" }> | undefined {
  if (isObject(inlineData) && typeof inlineData["data"] === "string" && isText(inlineData["mimeType"])) {
    const { mimeType, data, ...more } = inlineData;
    const rest = nested("inlineData", more, without(fields, ["inlineData"]));
    return { type: "media", mediaType: mimeType, ...inlined(data, rest) };
  }
  if (!isObject(fileData) || !isText(fileData["fileUri"])) return undefined;
  const { mimeType, fileUri, ...more } = fileData;
  const rest = nested("fileData", more, without(fields, ["fileData"]));
  const known = isText(mimeType);
  return {
    type: "media",
    mediaType: known ? mimeType : guessedType(fileUri),
    source: { url: fileUri },
    ...ownMeta(rest, known ? {} : { mimeType: mimeType ?? "absent" }),
  };
}

/** ProtoJSON takes both alphabets of base64, and Google's own Python client writes the one for addresses. */
function inlined(data: string, rest: JsonObject): Pick<Extract<Part, { type: "media" }>, "source" | "meta"> {
  if (!/[-_]/.test(data)) return { source: { data }, ...ownMeta(rest) };
  const plain = data.replaceAll("-", "+").replaceAll("_", "/");
  return { source: { data: plain }, ...ownMeta(rest, { data: "url" }) };
}

/** In the alphabet in which the data came. */
export function dataAs(form: JsonObject, data: string): string {
  return form["data"] === "url" ? data.replaceAll("+", "-").replaceAll("/", "_") : data;
}

function nested(key: string, inner: JsonObject, rest: JsonObject): JsonObject {
  return isEmpty(inner) ? rest : { ...rest, [key]: inner };
}

function decodeResult(response: JsonObject, fields: JsonObject, place: string, calls: OpenCalls): Part {
  const { id, name, response: value, parts, ...more } = response;
  const call = calls.answer(isText(id) ? id : undefined, isText(name) ? name : undefined);
  const form: { [key: string]: Json } = {};
  if (!isText(id)) form["id"] = id ?? "absent";
  // Otherwise the name follows from the call with this id.
  if (name !== call?.name || (isText(id) && call?.id !== id)) form["name"] = name ?? "absent";
  const said = decodeResponse(value, form);
  const shown = isArray(parts) ? parts.map((part) => decodeShown(part)) : [];
  if (isArray(parts)) form["shown"] = parts.length;
  return {
    type: "tool-result",
    id: isText(id) ? id : (call?.id ?? `result_${place}`),
    content: [...said.content, ...shown],
    ...(said.isError && { isError: true }),
    ...ownMeta(nested("functionResponse", more, fields), form),
  };
}

function decodeShown(part: Json): Part {
  const media = isObject(part) ? decodeMedia(part["inlineData"], part["fileData"], part) : undefined;
  return media ?? opaque("part", part);
}

/**
 * `output` and `error` are the keys Google's reference names; `result` is what many write. Any other object is the
 * answer as a whole, as JSON text.
 */
function decodeResponse(value: Json | undefined, form: { [key: string]: Json }): { content: Part[]; isError: boolean } {
  const [entry, ...others] = isObject(value) ? Object.entries(value) : [];
  const [key, said] = entry && others.length === 0 && named.has(entry[0]) ? entry : [undefined, undefined];
  if (key === undefined || said === undefined) {
    form["response"] = value === undefined ? "absent" : "whole";
    return { content: value === undefined ? [] : [{ type: "text", text: JSON.stringify(value) }], isError: false };
  }
  const isError = key === "error";
  if (key === "result") form["key"] = key;
  if (typeof said !== "string") form["response"] = "json";
  const text = typeof said === "string" ? said : JSON.stringify(said);
  return { content: text === "" ? [] : [{ type: "text", text }], isError };
}

const named: ReadonlySet<string> = new Set(["output", "result", "error"]);

interface Call {
  readonly id: string;
  readonly name: string;
}

/** Calls that wait for their result. A result without an id belongs to the first call of its name, else to the first. */
export interface OpenCalls {
  open(call: Call): void;
  answer(id: string | undefined, name: string | undefined): Call | undefined;
}

export function openCalls(): OpenCalls {
  const open: Call[] = [];
  return {
    open: (call) => void open.push(call),
    answer(id, name) {
      const byId = id === undefined ? -1 : open.findIndex((call) => call.id === id);
      const byName = byId === -1 ? open.findIndex((call) => call.name === name) : byId;
      const at = byName === -1 && id === undefined ? 0 : byName;
      return at === -1 ? undefined : open.splice(at, 1)[0];
    },
  };
}
