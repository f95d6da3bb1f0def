/**
 * Calls of tools in what a model has written for them: `<function=NAME>{…}</function>` and its variants, or JSON, alone,
 * in a fence or in tags (Groq docs, "Tool use", and the `failed_generation` of its refusals).
 */
import type { Json, JsonObject } from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";

export interface WrittenCall {
  readonly name: string;
  /** JSON, an object. */
  readonly arguments: string;
}

export interface Written {
  /** What was said before the first call. */
  readonly text: string;
  readonly calls: readonly WrittenCall[];
}

const tag = /[<(]function=([\w.-]+)/g;

/** `undefined` unless all of it can be read and calls tools of these names. */
export function readCalls(written: string, names: ReadonlySet<string>): Written | undefined {
  const found = inTags(written) ?? inJson(written);
  const isSound = found !== undefined && found.calls.length > 0 && found.calls.every(({ name }) => names.has(name));
  return isSound ? found : undefined;
}

function inTags(written: string): Written | undefined {
  const tags = [...written.matchAll(tag)];
  const [first] = tags;
  if (!first) return undefined;
  const calls: WrittenCall[] = [];
  for (const [index, match] of tags.entries()) {
    const body = written.slice(match.index + match[0].length, tags[index + 1]?.index);
    const values = valuesIn(body);
    const given = values?.[0]?.value;
    // A tool without arguments may be called with nothing at all.
    const args = given === undefined && !/[{[]/.test(body) ? {} : argumentsOf(given);
    if (!args || (values?.length ?? 0) > 1) return undefined;
    calls.push({ name: match[1]!, arguments: JSON.stringify(args) });
  }
  return { text: written.slice(0, first.index).trim(), calls };
}

function inJson(written: string): Written | undefined {
  const values = valuesIn(written);
  const [first] = values ?? [];
  if (!values || !first) return undefined;
  const calls = values.map(({ value }) => callsOf(value));
  if (calls.includes(undefined)) return undefined;
  const text = written.slice(0, first.from).replace(/(?:```\w*|<[\w|-]+>)\s*$/, "");
  return { text: text.trim(), calls: calls.flatMap((each) => each ?? []) };
}

/** The calls that a value is, or holds; `undefined` when it is something else. */
function callsOf(value: Json | undefined): readonly WrittenCall[] | undefined {
  if (Array.isArray(value)) {
    const each = (value as readonly Json[]).map(callsOf);
    return each.includes(undefined) ? undefined : each.flatMap((calls) => calls ?? []);
  }
  if (!isObject(value)) return undefined;
  if (Array.isArray(value["tool_calls"])) return callsOf(value["tool_calls"]);
  const described = isObject(value["function"]) ? value["function"] : value;
  const name = described["name"];
  const given = described["arguments"] ?? described["parameters"] ?? value["arguments"] ?? value["parameters"];
  const args = argumentsOf(given);
  return typeof name === "string" && args ? [{ name, arguments: JSON.stringify(args) }] : undefined;
}

function argumentsOf(given: Json | undefined): JsonObject | undefined {
  if (typeof given === "string") return parseObject(given);
  if (Array.isArray(given) && given.length === 1) return argumentsOf((given as readonly Json[])[0]);
  return isObject(given) ? given : undefined;
}

/** Every object and list of a text, one after the other; `undefined` when one of them cannot be read. */
function valuesIn(text: string): readonly { readonly from: number; readonly value: Json }[] | undefined {
  const found: { from: number; value: Json }[] = [];
  for (let from = text.search(/[{[]/); from !== -1;) {
    const end = endOf(text, from);
    if (end === undefined) return undefined;
    try {
      found.push({ from, value: JSON.parse(text.slice(from, end)) as Json });
    } catch {
      // A model's half of a call is not guessed at: it is asked again.
      return undefined;
    }
    const next = text.slice(end).search(/[{[]/);
    from = next === -1 ? -1 : end + next;
  }
  return found;
}

/** Behind the bracket that closes the one at `from`. */
function endOf(text: string, from: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") depth++;
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}
