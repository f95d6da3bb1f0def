/** The envelope of requests, put around their text, and what the values in it are made of. */
import { createHash } from "node:crypto";
import { type Body, type Json, type JsonObject, textBody } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/** `fields` with the request as its `request`, which has `added` in front of what it holds; its own text is not made anew. */
export function enveloped(fields: JsonObject, request: Body, added: JsonObject = {}): Body {
  const head = JSON.stringify(fields).slice(0, -1);
  return textBody(`${head}${head === "{" ? "" : ","}"request":${withMembers(added, request.text)}}`);
}

/** The object of the text with more members in front. */
function withMembers(added: JsonObject, text: string): string {
  const more = JSON.stringify(added).slice(1, -1);
  if (more === "") return text;
  const rest = text.slice(text.indexOf("{") + 1);
  return `{${more}${/^\s*\}/.test(rest) ? "" : ","}${rest}`;
}

/** The first words of the user in a conversation, which are the same in all its requests. */
export function firstWords({ json }: Body): string | undefined {
  const { contents } = json;
  for (const content of listOf(contents)) {
    if (!isObject(content) || content["role"] === "model") continue;
    for (const part of listOf(content["parts"])) {
      if (isObject(part) && typeof part["text"] === "string" && part["text"] !== "") return part["text"];
    }
  }
  return undefined;
}

/** The same for every request of a conversation, in the form of a UUID. */
export function sessionUuid(words: string): string {
  const hex = createHash("sha256").update(words).digest("hex").slice(0, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The same as a negative number of 63 bits. */
export function sessionNumber(words: string): string {
  return `-${createHash("sha256").update(words).digest().readBigUInt64BE(0) & 0x7fff_ffff_ffff_ffffn}`;
}

/** So many hexadecimal digits, by chance. */
export function hexDigits(count: number, random: () => number): string {
  return Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join("");
}

function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}
