/** What the echo says to a chat request (OpenAI chat API, "Create chat completion"). */
import { hash } from "node:crypto";

export interface EchoAnswer {
  /** The same for the same request. */
  readonly id: string;
  readonly stream: boolean;
  /** A last message with token counts was asked for. */
  readonly includeUsage: boolean;
  /** Words with the space after them; each counts as a token. */
  readonly words: readonly string[];
  readonly tool?: { readonly id: string; readonly name: string; readonly input: string };
  readonly finish: "stop" | "length" | "tool_calls";
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

export interface EchoProblem {
  readonly problem: string;
  readonly param: string;
}

type Unknown = { readonly [name: string]: unknown };

/** Reads a request body. Only what cannot be answered at all is a problem. */
export function answerTo(text: string): EchoAnswer | EchoProblem {
  const body = objectOf(JSON.parse(text));
  const messages = listOf(body["messages"]).map(objectOf);
  if (messages.length === 0) return { problem: "messages must be a list with at least one message", param: "messages" };
  const tools = listOf(body["tools"]).map((tool) => String(objectOf(objectOf(tool)["function"])["name"] ?? ""));
  const said = textOf(messages.findLast(({ role }) => role === "user" || role === "tool") ?? {});
  const called = toolFor(body["tool_choice"], tools, messages.at(-1)?.["role"] === "tool" ? "" : said);
  if (called === undefined)
    return { problem: "tool_choice asks for a tool that tools does not have", param: "tool_choice" };

  const input = called === "" ? "" : argumentsIn(said);
  const all = wordsOf(called === "" ? said || "echo" : input);
  const most =
    [body["max_completion_tokens"], body["max_tokens"]].find((limit) => typeof limit === "number") ?? Infinity;
  const isCut = called === "" && all.length > Number(most);
  const words = isCut ? all.slice(0, Math.max(0, Number(most))) : all;
  const prompt = messages.reduce((sum, message) => sum + wordsOf(textOf(message)).length, 0);
  const id = hash("sha256", text).slice(0, 24);
  return {
    id: `chatcmpl-${id}`,
    stream: body["stream"] === true,
    includeUsage: objectOf(body["stream_options"])["include_usage"] === true,
    words,
    ...(called !== "" && { tool: { id: `call_${id}`, name: called, input } }),
    finish: called !== "" ? "tool_calls" : isCut ? "length" : "stop",
    usage: { prompt_tokens: prompt, completion_tokens: words.length, total_tokens: prompt + words.length },
  };
}

/** The tool to call, empty for none; `undefined` when the one demanded does not exist. */
function toolFor(choice: unknown, tools: readonly string[], said: string): string | undefined {
  if (choice === "none") return "";
  const demanded = objectOf(objectOf(choice)["function"])["name"];
  if (typeof demanded === "string") return tools.includes(demanded) ? demanded : undefined;
  const asked = [...said.matchAll(/\bcall\s+([\w.-]+)/gi)]
    .map((match) => match[1])
    .find((name) => tools.includes(name ?? ""));
  return asked ?? (choice === "required" ? tools[0] : "");
}

/** The JSON object in a text, as written there. */
function argumentsIn(text: string): string {
  const found = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  try {
    const value: unknown = JSON.parse(found);
    return typeof value === "object" && value !== null ? found : "{}";
  } catch {
    // Braces in prose are no arguments.
    return "{}";
  }
}

function textOf({ content }: Unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => objectOf(part)["text"])
    .filter((text) => typeof text === "string")
    .join(" ");
}

/** Each with the space after it; joined they are the text again. */
function wordsOf(text: string): readonly string[] {
  const trimmed = text.trimStart();
  const words = trimmed.match(/\S+\s*/g);
  if (words === null) return text === "" ? [] : [text];
  words[0] = text.slice(0, text.length - trimmed.length) + words[0];
  return words;
}

function objectOf(value: unknown): Unknown {
  return typeof value === "object" && value !== null ? (value as Unknown) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
