/** What is overridden for whom, checked and made ready at the start. */
import { type Attempt, ConfigError, type Json, matchesGlob } from "waygate";

export interface Overrides<Value> {
  /** Whatever the request says. */
  readonly set?: { readonly [name: string]: Value };
  /** Where the request says nothing. */
  readonly default?: { readonly [name: string]: Value };
  /** Taken out. */
  readonly remove?: readonly string[];
}

export interface OverrideRule {
  /** Globs over the models that are asked, with and without their provider (`groq/*`). Default: all. */
  readonly models?: string | readonly string[];
  /** Globs over clients' ids and labels. Default: all. */
  readonly users?: string | readonly string[];
  /** Protocols of upstreams, whose fields are named: `openai-chat`, `openai-responses`, `anthropic`, `gemini`. Default: all. */
  readonly protocols?: string | readonly string[];
  /** Headers of the request as it is sent; those of the provider itself, its key above all, come after. */
  readonly headers?: Overrides<string>;
  /** Fields of what asks for an answer, in the upstream's words; dots lead inwards: `generationConfig.topK`. */
  readonly body?: Overrides<Json>;
}

/** A field of a body and what becomes of it. */
export interface FieldEdit {
  readonly how: "set" | "default" | "remove";
  readonly path: readonly string[];
  readonly value: Json;
}

export interface HeaderEdit {
  readonly how: FieldEdit["how"];
  readonly name: string;
  readonly value: string;
}

export interface CompiledRule {
  readonly fits: (attempt: Attempt) => boolean;
  readonly headers: readonly HeaderEdit[];
  readonly fields: readonly FieldEdit[];
}

/** Fields by which the proxy itself knows what is asked and how to read the answer. */
const ours = new Set(["model", "stream", "stream_options", "messages", "contents", "input", "prompt"]);
/** Headers of the connection, and those that hold keys. */
const theirs =
  /^(?:host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|content-length|content-encoding|content-type|accept-encoding|proxy-.*|authorization|x-api-key|x-goog-api-key|cookie)$/;

/** Throws a `ConfigError` that names the place. */
export function compileRule(rule: OverrideRule, index: number): CompiledRule {
  const model = rule.models === undefined ? undefined : matchesGlob(rule.models);
  const user = rule.users === undefined ? undefined : matchesGlob(rule.users);
  const protocol = rule.protocols === undefined ? undefined : matchesGlob(rule.protocols);
  return {
    headers: edits(rule.headers).map(({ how, name, value }) => {
      checkHeader(name, value, [index, "headers", how, name]);
      return { how, name: name.toLowerCase(), value: value ?? "" };
    }),
    fields: edits(rule.body).map(({ how, name, value }) => {
      const path = name.split(".");
      if (ours.has(path[0]!)) {
        throw bad(
          [index, "body", how, name],
          name,
          "the proxy itself reads it",
          "take it out; for another model there are aliases",
        );
      }
      if (path.includes(""))
        throw bad([index, "body", how, name], name, "a name between two dots is missing", "correct it");
      return { how, path, value: value ?? null };
    }),
    fits({ ctx: { principal }, provider, model: name, protocol: { id } }) {
      if (protocol && !protocol(id)) return false;
      if (model && !model(name) && !model(`${provider.name}/${name}`)) return false;
      return !user || (principal !== undefined && (user(principal.id) || user(principal.label ?? "")));
    },
  };
}

interface Named<Value> {
  readonly how: FieldEdit["how"];
  readonly name: string;
  readonly value: Value | undefined;
}

function edits<Value>({ set = {}, default: preset = {}, remove = [] }: Overrides<Value> = {}): Named<Value>[] {
  return [
    ...remove.map((name) => ({ how: "remove" as const, name, value: undefined })),
    ...Object.entries(preset).map(([name, value]) => ({ how: "default" as const, name, value })),
    ...Object.entries(set).map(([name, value]) => ({ how: "set" as const, name, value })),
  ];
}

function checkHeader(name: string, value: string | undefined, path: readonly (string | number)[]): void {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw bad(path, name, "it is no name of a header", "correct it");
  if (theirs.test(name.toLowerCase())) {
    throw bad(path, name, "it belongs to the connection or to the provider's key", "take it out");
  }
  // Bytes and not characters travel in headers; a line break would begin another one.
  if (value !== undefined && !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw bad(path, name, "its value has characters that cannot be sent in a header", "correct it");
  }
}

function bad(path: readonly (string | number)[], name: string, why: string, fix: string): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "overrides", ...path],
      what: `overrides: "${name}" cannot be overridden`,
      ...{ why, fix, value: name, needle: name },
    },
  ]);
}
