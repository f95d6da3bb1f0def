/** The history as each maker's models take it. */
import type { Json, JsonObject } from "waygate";
import { joinedTurns } from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";
import { withStandIns } from "waygate/protocols/gemini";
import { claudeSignature, mayBeGemini } from "./seals.ts";

export interface Content extends JsonObject {
  readonly role: string;
  readonly parts: readonly JsonObject[];
}

/** Reads contents as Google's services do: one value may stand for a list of it, and the user is who speaks unnamed. */
export function contentsOf(value: Json | undefined): readonly Content[] {
  return listOf(value).map((content) => {
    const { role, parts } = content;
    return { ...content, role: role === "model" ? "model" : "user", parts: listOf(parts) };
  });
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : value === undefined || value === null ? [] : [value];
  return list.filter((each): each is JsonObject => isObject(each));
}

/** For Gemini: thoughts stay out, and so do signatures of others; where one is needed, a text stands for it. */
export function geminiContents(contents: readonly Content[], generation: number): readonly JsonObject[] {
  const own = contents.map((content) => ({
    ...content,
    parts: content.parts.flatMap((part): JsonObject[] => {
      if (part["thought"] === true) return [];
      const { thoughtSignature, ...rest } = part;
      const signed = thoughtSignature === undefined || mayBeGemini(part) ? part : rest;
      return signed["text"] === "" && signed["thoughtSignature"] === undefined ? [] : [signed];
    }),
  }));
  const turns = inTurns(own, { text: " " });
  return generation >= 3 ? withStandIns(turns, `gemini-${generation}`) : turns;
}

/**
 * For Claude. `thinking`: it is to think in this request. `thoughts` has the words that were signed, by signature as the
 * client has it: clients of other protocols keep a thought beside its call, and its signature arrives on that.
 */
export function claudeContents(
  given: readonly Content[],
  thinking: boolean,
  thoughts: ReadonlyMap<string, string> = new Map(),
): readonly JsonObject[] {
  const whole = thinking ? wholeTurns(given) : given;
  const contents = thoughts.size === 0 ? whole : whole.map((content) => withThoughts(content, thoughts));
  const start = currentTurn(contents);
  const isLoop = contents.at(-1)?.parts.some(isAnswer) === true;
  const first = contents.slice(start).find(({ role }) => role === "model");
  const begins = first?.parts[0];
  const keeps = thinking && begins !== undefined && isThought(begins) && claudeSignature(begins) !== undefined;
  const own = contents.map((content, at) => ({
    ...content,
    parts: claudeParts(content.parts, keeps && at >= start),
  }));
  // A loop of tools that was begun without thinking cannot go on with it: it is closed, and a new turn begins.
  const closes = thinking && isLoop && first !== undefined && !keeps;
  const closed = closes
    ? [...own, { role: "model", parts: [{ text: toolsDone }] }, { role: "user", parts: [{ text: goOn }] }]
    : own;
  return withIds(inTurns(closed, { text: "." }));
}

/** For models that know neither thoughts nor signatures. */
export function plainContents(contents: readonly Content[]): readonly JsonObject[] {
  const own = contents.map((content) => ({ ...content, parts: claudeParts(content.parts, false) }));
  return withIds(inTurns(own, { text: "." }));
}

/** Clients of Google's protocol keep the pieces of a stream apart, and a thought's signature comes behind its words. */
function wholeTurns(contents: readonly Content[]): readonly Content[] {
  return joinedTurns(contents).map((turn) =>
    turn.role === "model" ? { ...turn, parts: wholeThoughts(turn.parts) } : turn,
  );
}

function wholeThoughts(parts: readonly JsonObject[]): readonly JsonObject[] {
  const all: JsonObject[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    const joins = isThought(part) && last && isThought(last) && last["thoughtSignature"] === undefined;
    if (joins) all[all.length - 1] = { ...last, ...part, text: textOf(last) + textOf(part) };
    else all.push(part);
  }
  return all;
}

function textOf({ text }: JsonObject): string {
  return typeof text === "string" ? text : "";
}

/** Thoughts in front of the calls that bear their signatures. */
function withThoughts(content: Content, thoughts: ReadonlyMap<string, string>): Content {
  const parts = content.parts.flatMap((part): JsonObject[] => {
    const { thoughtSignature, ...rest } = part;
    const text = isThought(part) ? undefined : thoughts.get(String(thoughtSignature));
    return text === undefined ? [part] : [{ text, thought: true, thoughtSignature: thoughtSignature ?? "" }, rest];
  });
  return { ...content, parts };
}

const toolsDone = "[The tools have answered.]";
const goOn = "[Please go on.]";
const begin = "[The conversation so far follows.]";
const continued = "Please continue.";

function isThought(part: JsonObject): boolean {
  return part["thought"] === true;
}

function isAnswer(part: JsonObject): boolean {
  return part["functionResponse"] !== undefined;
}

/** Where the last words of the user stand; behind them is the current turn. */
function currentTurn(contents: readonly Content[]): number {
  return contents.findLastIndex(({ role, parts }) => role === "user" && parts.some((part) => !isAnswer(part))) + 1;
}

/** Without empty texts; with thoughts only where they are signed. */
function claudeParts(parts: readonly JsonObject[], thoughts: boolean): readonly JsonObject[] {
  return parts.flatMap((part): JsonObject[] => {
    const { thoughtSignature: _, ...rest } = part;
    if (isThought(part)) {
      const signature = thoughts ? claudeSignature(part) : undefined;
      return signature === undefined ? [] : [{ ...rest, thoughtSignature: signature }];
    }
    if (typeof rest["text"] === "string" && rest["text"].trim() === "") return [];
    const signature = thoughts ? claudeSignature(part) : undefined;
    return [signature === undefined ? rest : { ...rest, thoughtSignature: signature }];
  });
}

/**
 * The user's first and last, and no two of one speaker behind each other, but for answers of functions, which stand alone.
 * `filler` stands where nothing is left at all.
 */
function inTurns(contents: readonly Content[], filler: JsonObject): readonly Content[] {
  const turns: Content[] = [];
  for (const content of contents.flatMap(apart)) {
    if (content.parts.length === 0) continue;
    const last = turns.at(-1);
    const joins = last?.role === content.role && !last.parts.some(isAnswer) && !content.parts.some(isAnswer);
    if (last && joins) turns[turns.length - 1] = { ...last, parts: [...last.parts, ...content.parts] };
    else turns.push(content);
  }
  if (turns.length === 0) return [{ role: "user", parts: [filler] }];
  if (turns[0]?.role === "model") turns.unshift({ role: "user", parts: [{ text: begin }] });
  if (turns.at(-1)?.role === "model") turns.push({ role: "user", parts: [{ text: continued }] });
  return turns;
}

/** Answers of functions, and behind them what else is said in their turn. */
function apart(content: Content): readonly Content[] {
  const answers = content.parts.filter(isAnswer);
  if (answers.length === 0 || answers.length === content.parts.length) return [content];
  return [
    { ...content, parts: answers },
    { ...content, parts: content.parts.filter((part) => !isAnswer(part)) },
  ];
}

/** Calls and their answers have ids there, of few characters; the same text always gives the same one. */
function withIds(contents: readonly Content[]): readonly Content[] {
  const open: { readonly name: Json | undefined; readonly id: string }[] = [];
  let count = 0;
  const fitting = (id: Json | undefined): string | undefined =>
    typeof id === "string" && id !== "" ? id.replace(/[^\w-]/g, "_") : undefined;
  return contents.map((content) => ({
    ...content,
    parts: content.parts.map((part) => {
      const { functionCall, functionResponse } = part;
      if (isObject(functionCall)) {
        const id = fitting(functionCall["id"]) ?? `call_${count}`;
        count += 1;
        open.push({ name: functionCall["name"], id });
        return { ...part, functionCall: { ...functionCall, id } };
      }
      if (!isObject(functionResponse)) return part;
      const named = fitting(functionResponse["id"]);
      const byId = open.findIndex(({ id }) => id === named);
      const byName = byId === -1 ? open.findIndex(({ name }) => name === functionResponse["name"]) : byId;
      const [call] = open.splice(byName === -1 ? 0 : byName, 1);
      return { ...part, functionResponse: { ...functionResponse, id: named ?? call?.id ?? `call_${count++}` } };
    }),
  }));
}
