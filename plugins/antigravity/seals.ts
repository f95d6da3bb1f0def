/**
 * Signatures of Claude and of Gemini come through one door, and each refuses those of the other. Claude's are marked with
 * their maker on the way to the client and bear the mark until they are back.
 */
import { type JsonObject, type Rewriter, type Sse, textBody, withEachField } from "waygate";

/** Base64 of whole bytes, so that clients which decode signatures give back what they got. */
const mark = "wgClaude";
/** Claude's signatures are longer; what is shorter is none. */
const LEAST = 50;

const places = ["candidates", "*", "content", "parts", "*", "thoughtSignature"];

/** Marks the signatures of an answer of Claude's. */
export function markSignatures(): Rewriter {
  const edit = (text: string): string =>
    withEachField(textBody(text), places, (json) => (json === '""' ? json : `"${mark}${json.slice(1)}`)).text;
  return {
    message(message): Sse {
      if (!message.data.includes('"thoughtSignature"')) return message;
      return { ...message, data: edit(message.data) };
    },
    body: edit,
  };
}

/** The signature of a part as Claude gave it; `undefined` for any other. */
export function claudeSignature({ thoughtSignature }: JsonObject): string | undefined {
  if (typeof thoughtSignature !== "string" || !thoughtSignature.startsWith(mark)) return undefined;
  const own = thoughtSignature.slice(mark.length);
  return own.length < LEAST ? undefined : own;
}

/** True for a signature that Gemini may see. */
export function mayBeGemini({ thoughtSignature }: JsonObject): boolean {
  return typeof thoughtSignature === "string" && thoughtSignature !== "" && !thoughtSignature.startsWith(mark);
}
