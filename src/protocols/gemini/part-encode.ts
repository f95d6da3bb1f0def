/** Canonical parts to parts of the wire. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { unsupported } from "../unsupported.ts";
import { dataAs } from "./content-decode.ts";
import { exactType } from "./media-types.ts";
import { isObject, parseObject, protocolId, readMeta, without } from "./values.ts";

type Media = Extract<Part, { type: "media" }>;
type ToolCall = Extract<Part, { type: "tool-call" }>;
type ToolResult = Extract<Part, { type: "tool-result" }>;

/** `undefined` for what this protocol has no place for. */
export function encodePart(part: Part, lose: Emit<Loss>): JsonObject | undefined {
  switch (part.type) {
    case "text":
      return signed({ ...readMeta(part.meta).rest, text: part.text }, part);
    case "reasoning":
      return signed({ ...readMeta(part.meta).rest, text: part.text, thought: true }, part);
    case "media":
      return signed(encodeMedia(part), part);
    case "tool-call":
      return signed(encodeCall(part, lose), part);
    case "opaque": {
      const own = ownPart(part);
      if (own === undefined) lose({ what: `a block of ${part.protocol}`, where: "contents" });
      return own;
    }
    case "tool-result":
      return undefined;
  }
}

/** The value of a part that only this protocol knows. */
export function ownPart(part: Extract<Part, { type: "opaque" }>): JsonObject | undefined {
  if (part.protocol !== protocolId || !isObject(part.value)) return undefined;
  const { part: value } = part.value;
  return isObject(value) ? value : undefined;
}

function signed(
  value: JsonObject,
  { seal }: Extract<Part, { type: "text" | "reasoning" | "media" | "tool-call" }>,
): JsonObject {
  return seal ? { ...value, thoughtSignature: seal.value } : value;
}

function encodeMedia({ mediaType, source, meta }: Media): JsonObject {
  const { rest, form } = readMeta(meta);
  const outer = without(rest, ["inlineData", "fileData"]);
  const inner = (key: string): JsonObject => (isObject(rest[key]) ? rest[key] : {});
  if ("fileId" in source) throw unsupported("file_id", `${protocolId} takes files by address or as data.`);
  if ("data" in source)
    return { ...outer, inlineData: { ...inner("inlineData"), mimeType: mediaType, data: dataAs(form, source.data) } };
  const inline = decodeDataUrl(source.url);
  if (inline) return { ...outer, inlineData: inline };
  const type = form["mimeType"] ?? exactType(mediaType, source.url);
  const named: JsonObject = type === "absent" ? {} : { mimeType: type };
  return { ...outer, fileData: { ...inner("fileData"), ...named, fileUri: source.url } };
}

function decodeDataUrl(url: string): JsonObject | undefined {
  const [, mimeType = "", encoding, data = ""] = /^data:([^;,]*)[^,]*?(;base64)?,(.*)$/s.exec(url) ?? [];
  if (!url.startsWith("data:")) return undefined;
  const base64 = encoding ? data : Buffer.from(unescaped(data)).toString("base64");
  return { mimeType: mimeType || "text/plain", data: base64 };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign stands for itself.
    return text;
  }
}

function encodeCall({ id, name, input, meta }: ToolCall, lose: Emit<Loss>): JsonObject {
  const { rest, form } = readMeta(meta);
  const inner = isObject(rest["functionCall"]) ? rest["functionCall"] : {};
  const args = argumentsOf(input, name, lose);
  return {
    ...without(rest, ["functionCall"]),
    functionCall: {
      ...inner,
      ...(form["id"] !== "absent" && { id }),
      name,
      ...((form["args"] !== "absent" || input !== "{}") && { args }),
    },
  };
}

/** Arguments are an object on this wire. What is none, as a call that was cut off, goes as text under a name of its own. */
export function argumentsOf(input: string, name: string, lose: Emit<Loss>): JsonObject {
  if (input.trim() === "") return {};
  const args = parseObject(input);
  if (args) return args;
  lose({ what: `that the arguments of ${name} are no JSON object`, where: "functionCall.args" });
  return { _raw: input };
}

export interface EncodedResult {
  readonly part: JsonObject;
  /** What is shown beside the answer, for models that take no pictures within it. */
  readonly aside: readonly Part[];
}

/** `name` is that of the call; `inside`: pictures may stand within the response (from generation 3 on). */
export function encodeResult(result: ToolResult, name: string, inside: boolean, lose: Emit<Loss>): EncodedResult {
  const { rest, form } = readMeta(result.meta);
  const inner = isObject(rest["functionResponse"]) ? rest["functionResponse"] : {};
  const text = result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const others = result.content.filter((part) => part.type !== "text");
  const within = inside || form["shown"] !== undefined;
  const shown = within ? others.map((part) => encodePart(part, lose)).filter((part) => part !== undefined) : [];
  const id = form["id"] === undefined ? result.id : form["id"];
  const said = form["name"] === undefined ? name : form["name"];
  const response = encodeResponse(text, result.isError === true, form);
  return {
    part: {
      ...without(rest, ["functionResponse"]),
      functionResponse: {
        ...inner,
        ...(id !== "absent" && { id }),
        ...(said !== "absent" && { name: said }),
        ...(response !== undefined && { response }),
        ...((shown.length > 0 || form["shown"] === 0) && { parts: shown }),
      },
    },
    aside: within ? [] : others,
  };
}

function encodeResponse(text: string, isError: boolean, form: JsonObject): Json | undefined {
  if (form["response"] === "absent" && text === "") return undefined;
  if (form["response"] === "whole") {
    const whole = parsed(text);
    if (whole !== undefined) return whole;
  }
  const value = form["response"] === "json" ? (parsed(text) ?? text) : text;
  return { [isError ? "error" : typeof form["key"] === "string" ? form["key"] : "output"]: value };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // A hook has put in what is not JSON; then it is a text.
    return undefined;
  }
}
