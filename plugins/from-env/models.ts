/** `<NAME>_MODELS`: names of models, with the upstream's own name and fields of a request for some. */
import {
  type Body,
  environmentPrefix,
  type Json,
  type JsonObject,
  type Plugin,
  type Provider,
  withField,
} from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { type Reader, wrong } from "./reader.ts";

interface Meant {
  /** The upstream's name. */
  readonly id?: string;
  /** For requests that do not state them. */
  readonly options?: JsonObject;
}

export interface ModelTable {
  readonly names: readonly string[];
  readonly meant: ReadonlyMap<string, Meant>;
}

/** A JSON list of names, or an object from names to `{ id?, options? }`. Throws a `ConfigError` for anything else. */
export function modelsOf(id: string, reader: Reader): ModelTable | undefined {
  const name = `${environmentPrefix(id)}_MODELS`;
  const text = reader.text(name);
  if (text === undefined) return undefined;
  const bad = (why: string) =>
    wrong(name, why, `write ["model-a", "model-b"] or {"model-a": {"id": "vendor/model-a"}}`);
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    // Plain names are what people write who have not read that it is JSON; what looks like JSON has a slip.
    if (/[[\]{}"]/.test(text)) throw bad("it is no JSON");
    read = text.split(",").map((part) => part.trim());
  }
  if (Array.isArray(read)) {
    const names: readonly unknown[] = read;
    if (!names.every((each) => typeof each === "string" && each !== ""))
      throw bad("it lists something else than names");
    return { names: names as readonly string[], meant: new Map() };
  }
  if (!isObject(read as Json)) throw bad("it is neither a list nor an object");
  const entries = Object.entries(read as JsonObject).map(([model, value]) => [model, meantBy(value, bad)] as const);
  return {
    names: entries.map(([model]) => model),
    meant: new Map(entries.filter(([, { id: own, options }]) => own ?? options)),
  };
}

function meantBy(value: Json, bad: (why: string) => Error): Meant {
  const { id, options } = isObject(value) ? value : {};
  if (
    !isObject(value) ||
    (id !== undefined && typeof id !== "string") ||
    (options !== undefined && !isObject(options))
  ) {
    throw bad("a model stands for something else than { id, options }");
  }
  return { ...(id !== undefined && { id }), ...(isObject(options) && { options }) };
}

/** The plugin with requests for these models changed before they are addressed. */
export function withTable(plugin: Plugin, { meant }: ModelTable): Plugin {
  if (meant.size === 0) return plugin;
  const changed = (provider: Provider): Provider => ({
    ...provider,
    prepare(wire, attempt) {
      const found = meant.get(attempt.model);
      return provider.prepare(found && wire.body ? { ...wire, body: bodyFor(wire.body, found) } : wire, attempt);
    },
  });
  return { ...plugin, providers: (plugin.providers ?? []).map(changed) };
}

function bodyFor(body: Body, { id, options = {} }: Meant): Body {
  const named = id === undefined || body.json["model"] === undefined ? body : withField(body, ["model"], id);
  return Object.entries(options).reduce(
    (each, [field, value]) => (each.json[field] === undefined ? withField(each, [field], value) : each),
    named,
  );
}
