/** The service refuses clients of an old version with a success, and says so in the answer's text. */
import { ProxyError, type Rewriter, type Sse } from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";
import type { Json } from "waygate";

export const outdatedCode = "client_outdated";

const refusal =
  /version of Antigravity is no longer supported|version of Antigravity is out of date|is not available on this version/i;
/** Characters; longer answers only speak of it. */
const LONG = 300;

/** Holds an answer that begins with such words back until it is clear whether that is all it says. */
export function refuseOutdated(): Rewriter {
  let state: "begin" | "doubt" | "fine" = "begin";
  let text = "";
  let held: Sse[] = [];

  const look = (data: string): boolean => {
    const seen = read(data);
    text += seen.text;
    if (state === "begin" && seen.text !== "") state = refusal.test(seen.text) && text.length < LONG ? "doubt" : "fine";
    // Who calls a tool or says more is at work.
    if (state === "doubt" && (seen.more || text.length >= LONG)) state = "fine";
    return seen.finished;
  };
  return {
    message(message) {
      if (state === "fine") return message;
      const finished = look(message.data);
      if (state !== "doubt") {
        const all = [...held, message];
        held = [];
        return all.length === 1 ? message : all;
      }
      if (finished) throw outdated(text);
      held.push(message);
      return undefined;
    },
    body(whole) {
      look(whole);
      if (state === "doubt") throw outdated(text);
      return whole;
    },
  };
}

function outdated(text: string): ProxyError {
  return new ProxyError({
    kind: "upstream",
    scope: "request",
    code: outdatedCode,
    message: `Antigravity refuses this version of its client ("${text.slice(0, 120).trim()}"): raise ANTIGRAVITY_VERSION, or the option version, to that of the current release.`,
  });
}

interface Seen {
  readonly text: string;
  readonly more: boolean;
  readonly finished: boolean;
}

function read(data: string): Seen {
  const json = parseObject(data);
  const [candidate] = json && Array.isArray(json["candidates"]) ? (json["candidates"] as readonly Json[]) : [];
  if (!isObject(candidate)) return { text: "", more: false, finished: false };
  const { content, finishReason } = candidate;
  const parts = isObject(content) && Array.isArray(content["parts"]) ? (content["parts"] as readonly Json[]) : [];
  let text = "";
  let more = false;
  for (const part of parts) {
    if (!isObject(part) || part["thought"] === true) continue;
    if (typeof part["text"] === "string") text += part["text"];
    else more = true;
  }
  return { text, more, finished: typeof finishReason === "string" };
}
