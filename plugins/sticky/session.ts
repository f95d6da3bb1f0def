/**
 * Which conversation a request belongs to. What a client names is taken at its word; otherwise a conversation is known
 * by how it began. Nothing is decoded and no more than a few kilobytes are looked at, however long a request is.
 */
import { hash } from "node:crypto";
import type { Context, Json, JsonObject } from "waygate";

export interface Session {
  /** Keys under which the conversation may be known already, the surest first. Empty for one that begins. */
  readonly known: readonly string[];
  /** The key under which the next request will look for it. */
  readonly key: string;
}

/**
 * Headers that name a conversation: ours, those of Claude Code, Codex and OpenCode, and those other gateways taught
 * clients to send.
 */
const headers: readonly string[] = [
  "x-waygate-session",
  "x-claude-code-session-id",
  "session_id",
  "session-id",
  "x-session-id",
  "x-session-affinity",
  "conversation_id",
  "x-conversation-id",
  "thread-id",
];

/** Fields of a body, or of its `metadata`, that name a conversation. */
const fields: readonly string[] = [
  "session_id",
  "sessionId",
  "conversation_id",
  "conversationId",
  "thread_id",
  "threadId",
  "chat_id",
  "chatId",
  // OpenAI API reference, Responses and Chat: requests that share a prefix; Codex sends its conversation's id.
  "prompt_cache_key",
];

/** Characters that are taken of each end of a text. */
const END = 512;
/** Longer names are cut: nobody calls a conversation so. */
const NAME = 1024;

/** `infer`: a conversation nobody names is recognised by its beginning. */
export function sessionOf(ctx: Context, infer: boolean): Session | undefined {
  const { json } = ctx.body;
  const named = namedInHeaders(ctx.req.headers) ?? namedInBody(json);
  if (named !== undefined) {
    const key = keyOf(ctx, "named", named.slice(0, NAME));
    return { known: [key], key };
  }
  if (!infer) return undefined;
  const turns = turnsOf(json);
  const asked = turns.find((turn) => roleOf(turn) === "user");
  if (asked === undefined) return undefined;
  const opening = keyOf(ctx, "opening", excerpt(textOf(asked)));
  const answered = turns.find((turn) => roleOf(turn) === "assistant");
  // Whoever asks for the first time has nothing to return to: the same short question of two people is not one
  // conversation, and an answer that is repeated word for word seldom is another.
  if (answered === undefined) return { known: [], key: opening };
  const key = keyOf(ctx, "begun", `${excerpt(textOf(asked))}\0${excerpt(textOf(answered))}`);
  return { known: [key, opening], key };
}

/** Of one caller and one model: caches belong to a model, and no client gets at the conversations of another. */
function keyOf({ principal, model }: Context, kind: string, text: string): string {
  return `sticky:${hash("sha256", `${principal?.id ?? ""}\0${model}\0${kind}\0${text}`, "base64url")}`;
}

function namedInHeaders(sent: Headers): string | undefined {
  for (const name of headers) {
    const value = sent.get(name);
    if (value) return value;
  }
  return undefined;
}

function namedInBody(json: JsonObject): string | undefined {
  const { metadata, conversation } = json;
  const found =
    field(json) ?? (isObject(metadata) ? (field(metadata) ?? claudeSession(metadata["user_id"])) : undefined);
  if (found !== undefined) return found;
  // OpenAI API reference, Responses: `conversation` is an id or an object that has one.
  const id = isObject(conversation) ? conversation["id"] : conversation;
  return typeof id === "string" && id !== "" ? id : undefined;
}

function field(object: JsonObject): string | undefined {
  for (const name of fields) {
    const value = object[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

/**
 * Claude Code puts its session into `metadata.user_id`, as `user_…_session_UUID` or as JSON with `session_id`. Any other
 * text there names a user, who may have many conversations.
 */
function claudeSession(user: Json | undefined): string | undefined {
  if (typeof user !== "string" || user.length > NAME) return undefined;
  return /(?:_session_|"session_id"\s*:\s*")([\w-]{8,})/.exec(user)?.[1];
}

/** The turns of a request in any of the protocols: `messages`, `input` of Responses, `contents` of Gemini. */
function turnsOf({ messages, input, contents }: JsonObject): readonly JsonObject[] {
  const list = messages ?? input ?? contents;
  if (typeof list === "string") return [{ role: "user", content: list }];
  return Array.isArray(list) ? (list as readonly Json[]).filter(isObject) : [];
}

/** What a model has said or done is the assistant's, also where an item stands for itself as in Responses. */
function roleOf({ role, type }: JsonObject): "user" | "assistant" | undefined {
  if (role === "assistant" || role === "model") return "assistant";
  if (role === "user") return "user";
  return role === undefined && (type === "function_call" || type === "custom_tool_call") ? "assistant" : undefined;
}

/** The text of a turn and the ids of its calls. What clients add and move about, as marks for caches, is left out. */
function textOf({ content, parts, tool_calls: calls, call_id: call }: JsonObject): string {
  const own = content ?? parts;
  let text = typeof own === "string" ? own : "";
  for (const part of [...listOf(own), ...listOf(calls)]) {
    const made = isObject(part["functionCall"]) ? part["functionCall"] : part;
    for (const each of [part["text"], made["id"], made["name"]]) {
      if (typeof each === "string") text += `\0${each.length > 2 * END ? excerpt(each) : each}`;
    }
    if (text.length > 4 * END) break;
  }
  return typeof call === "string" ? text + call : text;
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter(isObject) : [];
}

function excerpt(text: string): string {
  return text.length <= 2 * END ? text : `${text.length}\0${text.slice(0, END)}${text.slice(-END)}`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
