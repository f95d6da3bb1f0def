/**
 * How an answer ended, read as strictly as the references of the four protocols allow. Written apart from the codecs,
 * which are what is looked at.
 */
import { type Item, isItem, item, items, text } from "../../test/sdk/wire/parts.ts";

/** What clients speak: `gemini-array` is a stream of Gemini's without `alt=sse`. */
export type Dialect = "openai-chat" | "openai-responses" | "anthropic" | "gemini" | "gemini-array";

export interface Reading {
  /** `failed`: an error inside an answer that had begun. */
  readonly end: "complete" | "refused" | "failed" | "malformed";
  /** Of an answer that is complete; else what is wrong. */
  readonly words: string;
}

export interface Told {
  readonly dialect: Dialect;
  readonly stream: boolean;
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export function readEnd(told: Told): Reading {
  const { dialect, stream, status, type } = told;
  try {
    if (status !== 200) return refusal(told);
    if (!stream || dialect === "gemini-array") {
      if (!type.startsWith("application/json")) return malformed(`type ${type}`);
      const value: unknown = JSON.parse(told.text);
      return dialect === "gemini-array" ? geminiParts(items(value)) : wholes[dialect](item(value));
    }
    if (!type.startsWith("text/event-stream")) return malformed(`type ${type}`);
    return streams[dialect](framesOf(told.text));
  } catch (error) {
    return malformed(error instanceof Error ? error.message : String(error));
  }
}

const malformed = (words: string): Reading => ({ end: "malformed", words });
const complete = (words: string): Reading => ({ end: "complete", words });
const failed = (words: string): Reading => ({ end: "failed", words });

function refusal({ dialect, status, type, text: body }: Told): Reading {
  if (!type.startsWith("application/json")) return malformed(`a refusal of type ${type}`);
  const value: unknown = JSON.parse(body);
  // Google's streams without `alt=sse` fail as an array of one.
  const whole = item(Array.isArray(value) ? value[0] : value);
  const error = item(whole["error"]);
  if (!text(error["message"])) return malformed("a refusal without a message");
  const fits =
    dialect === "anthropic"
      ? whole["type"] === "error" && typeof error["type"] === "string"
      : dialect.startsWith("gemini")
        ? error["code"] === status && typeof error["status"] === "string"
        : typeof error["type"] === "string" && "code" in error;
  return fits ? { end: "refused", words: text(error["message"]) ?? "" } : malformed("a refusal in another protocol");
}

interface Frame {
  readonly event: string | undefined;
  readonly data: string;
}

/** Throws for a stream that does not end with a frame. */
function framesOf(body: string): readonly Frame[] {
  if (body !== "" && !/(?:\r\n|\n|\r){2}$/.test(body)) throw new Error("it ends inside a frame");
  return body.split(/(?:\r\n|\n|\r){2}/).flatMap((frame) => {
    const lines = frame.split(/\r\n|\n|\r/).filter((line) => line !== "" && !line.startsWith(":"));
    const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).replace(/^ /, ""));
    const event = lines
      .find((line) => line.startsWith("event:"))
      ?.slice(6)
      .trim();
    if (lines.some((line) => !/^(?:data|event|id|retry):/.test(line))) throw new Error(`a line is ${lines.join("|")}`);
    return data.length === 0 ? [] : [{ event, data: data.join("\n") }];
  });
}

const jsonOf = (frame: Frame): Item => {
  const value: unknown = JSON.parse(frame.data);
  if (!isItem(value)) throw new Error(`a frame is ${frame.data.slice(0, 80)}`);
  return value;
};

const messageOf = (value: Item): string => text(item(value["error"])["message"]) ?? text(value["message"]) ?? "?";

const geminiText = (value: Item): string =>
  items(item(items(value["candidates"])[0]?.["content"])["parts"])
    .filter((part) => part["thought"] !== true)
    .map((part) => text(part["text"]) ?? "")
    .join("");

function geminiParts(parts: readonly Item[]): Reading {
  const last = parts.at(-1);
  if (!last) return malformed("nothing came");
  if (parts.slice(0, -1).some((part) => "error" in part)) return malformed("something comes behind an error");
  if ("error" in last) return failed(messageOf(last));
  if (!text(items(last["candidates"])[0]?.["finishReason"])) return malformed("no finish reason");
  return complete(parts.map(geminiText).join(""));
}

const streams: { readonly [Name in Exclude<Dialect, "gemini-array">]: (frames: readonly Frame[]) => Reading } = {
  "openai-chat"(frames) {
    const done = frames.findIndex(({ data }) => data === "[DONE]");
    const chunks = (done === -1 ? frames : frames.slice(0, done)).map(jsonOf);
    const error = chunks.findIndex((chunk) => "error" in chunk);
    if (error !== -1) {
      if (error < chunks.length - 1) return malformed("something comes behind an error");
      return done === -1 ? failed(messageOf(chunks[error]!)) : malformed("an error, and [DONE]");
    }
    if (done === -1) return malformed("no [DONE]");
    if (done < frames.length - 1) return malformed("something comes behind [DONE]");
    const choices = chunks.flatMap((chunk) => items(chunk["choices"]));
    const finishes = choices.filter((choice) => choice["finish_reason"]);
    if (finishes.length !== 1) return malformed(`${finishes.length} finish reasons`);
    return complete(choices.map((choice) => text(item(choice["delta"])["content"]) ?? "").join(""));
  },
  anthropic(frames) {
    const events = frames.map(jsonOf);
    for (const [at, { event }] of frames.entries()) {
      if (event !== events[at]!["type"]) return malformed(`event ${event} is ${String(events[at]!["type"])}`);
    }
    const shown = events.filter((each) => each["type"] !== "ping");
    const names = shown.map((each) => text(each["type"]) ?? "");
    const error = names.indexOf("error");
    if (error !== -1)
      return error === names.length - 1
        ? failed(messageOf(shown[error]!))
        : malformed("something comes behind an error");
    if (names[0] !== "message_start" || names.indexOf("message_stop") !== names.length - 1)
      return malformed(`it is ${names[0]} … ${names.at(-1)}`);
    if (names.filter((name) => name === "message_start").length !== 1) return malformed("several starts");
    const starts = names.filter((name) => name === "content_block_start").length;
    if (starts !== names.filter((name) => name === "content_block_stop").length) return malformed("a block is open");
    if (!shown.some((each) => text(item(each["delta"])["stop_reason"]))) return malformed("no stop reason");
    return complete(shown.map((each) => text(item(each["delta"])["text"]) ?? "").join(""));
  },
  gemini: (frames) => geminiParts(frames.map(jsonOf)),
  "openai-responses"(frames) {
    const events = frames.map(jsonOf);
    const names = events.map((each) => text(each["type"]) ?? "");
    const last = names.at(-1);
    const numbers = events.map((each) => Number(each["sequence_number"]));
    if (numbers.some((number, at) => at > 0 && !(number > numbers[at - 1]!)))
      return malformed(`numbers are ${numbers.join(" ").slice(0, 80)}`);
    const ended = names.findIndex((name) => /^response\.(?:completed|incomplete|failed)$/.test(name));
    if (ended !== -1 && ended < names.length - 1) return malformed("something comes behind the end");
    if (last === "response.failed" || last === "error") {
      const final = events.at(-1)!;
      return failed(messageOf(last === "error" ? final : item(final["response"])));
    }
    if (last !== "response.completed") return malformed(`the last is ${last}`);
    const said = events.filter((each) => each["type"] === "response.output_text.delta");
    const whole = responseText(item(events.at(-1)!["response"]));
    const words = said.map((each) => text(each["delta"]) ?? "").join("");
    return whole === words ? complete(words) : malformed("the response has other words than its events");
  },
};

const responseText = (value: Item): string =>
  items(value["output"])
    .filter((each) => each["type"] === "message")
    .flatMap((each) => items(each["content"]))
    .map((part) => text(part["text"]) ?? "")
    .join("");

const wholes: { readonly [Name in Exclude<Dialect, "gemini-array">]: (value: Item) => Reading } = {
  "openai-chat"(value) {
    const [choice] = items(value["choices"]);
    if (!choice || !text(choice["finish_reason"])) return malformed("no choice that is finished");
    return complete(text(item(choice["message"])["content"]) ?? "");
  },
  anthropic(value) {
    if (value["type"] !== "message" || !text(value["stop_reason"])) return malformed("no message that is finished");
    return complete(
      items(value["content"])
        .map((block) => text(block["text"]) ?? "")
        .join(""),
    );
  },
  gemini: (value) => geminiParts([value]),
  "openai-responses"(value) {
    if (value["object"] !== "response" || value["status"] !== "completed") return malformed("no completed response");
    return complete(responseText(value));
  },
};
