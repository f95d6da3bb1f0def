/** Reads variables of the environment, and says what is wrong with one without showing what it holds. */
import { ConfigError } from "waygate";

export type Variables = { readonly [name: string]: string | undefined };

/** Something to tell at the start. Names variables, never their values. */
export interface Note {
  readonly variables: readonly string[];
  readonly text: string;
}

export interface Reader {
  readonly env: Variables;
  readonly notes: Note[];
  /** Trimmed; `undefined` for an empty one. */
  text(name: string): string | undefined;
  /** Throws a `ConfigError` for what is no number or below `least`. */
  number(name: string, least?: number): number | undefined;
  /** `true`, `1`, `yes`, `on` and their opposites. Throws a `ConfigError` for anything else. */
  flag(name: string): boolean | undefined;
  /** One of some words, in whatever case. Throws a `ConfigError` for another. */
  word<const Word extends string>(name: string, words: readonly Word[]): Word | undefined;
  /** The names that begin with `stem` and hold something, without it, sorted. */
  tails(stem: string): readonly string[];
}

export function createReader(env: Variables): Reader {
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  return {
    env,
    notes: [],
    text,
    number(name, least = 0) {
      const written = text(name);
      if (written === undefined) return undefined;
      const number = Number(written);
      if (Number.isFinite(number) && number >= least) return number;
      throw wrong(name, `it is a number, at least ${least}`, "write one, or remove the variable");
    },
    flag(name) {
      const written = text(name)?.toLowerCase();
      if (written === undefined) return undefined;
      if (/^(?:true|1|yes|on)$/.test(written)) return true;
      if (/^(?:false|0|no|off)$/.test(written)) return false;
      throw wrong(name, "it is true or false", "write one of them, or remove the variable");
    },
    word(name, words) {
      const written = text(name)?.toLowerCase();
      const found = words.find((word) => word.toLowerCase() === written);
      if (written === undefined || found !== undefined) return found;
      throw wrong(name, `it is one of ${words.join(", ")}`, "write one of them, or remove the variable");
    },
    tails: (stem) =>
      Object.keys(env)
        .filter((name) => name.startsWith(stem) && name.length > stem.length && text(name) !== undefined)
        .map((name) => name.slice(stem.length))
        .sort(),
  };
}

/** The parts of a comma separated list. */
export function listIn(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

export function wrong(variable: string, why: string, fix: string): ConfigError {
  const what = `${variable} cannot be used`;
  return new ConfigError([
    { code: "config_invalid", path: ["plugins", "from-env"], what, why, fix, needle: "fromEnv" },
  ]);
}
