/** The flags of `proxy simulate`, read and checked as far as that needs no config. */
import { ConfigError } from "../config/problem.ts";
import type { AssumptionRule } from "../simulation/user/assumption.ts";
import { wrongUse } from "./arguments.ts";
import { textOf, type Values } from "./commands.ts";
import { readAssumption, readCount, readDuration, readRate, readShare, wrong } from "./simulate-values.ts";

/** As asked for; providers and keys are looked up later. */
export type AskedChange =
  | { readonly kind: "add"; readonly provider: string; readonly count: number }
  | { readonly kind: "without"; readonly provider: string; readonly key: string | undefined }
  | { readonly kind: "swap"; readonly tiers: readonly [number, number] };

export interface SimulateFlags {
  /** A file of recorded requests. */
  readonly from: string | undefined;
  /** Milliseconds of the recording that count, up to its end. */
  readonly last: number | undefined;
  /** Requests per day. */
  readonly perDay: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly model: string | undefined;
  /** Mean tokens. */
  readonly input: number;
  readonly output: number;
  readonly stream: number;
  readonly clients: number;
  readonly shape: "flat" | "day";
  readonly seed: number;
  readonly changes: readonly AskedChange[];
  readonly rules: readonly AssumptionRule[];
}

const DAY = 86_400_000;
/** What a recording says itself. */
const drawn = ["rate", "duration", "shape", "clients"] as const;

/** Throws a `ConfigError` of wrong use. */
export function readFlags(values: Values): SimulateFlags {
  const from = textOf(values, "from");
  const last = textOf(values, "last");
  const vain = from === undefined ? (last === undefined ? undefined : "last") : drawn.find((name) => name in values);
  if (vain !== undefined) throw inVain(vain, from);
  const read = <T>(flag: string, reader: (text: string) => T, without: T): T => {
    const text = textOf(values, flag);
    return text === undefined ? without : reader(text);
  };
  const shape = textOf(values, "shape") ?? "flat";
  if (shape !== "flat" && shape !== "day") throw wrong("shape", shape, "flat or day");
  return {
    from,
    last: last === undefined ? undefined : readDuration("last", last),
    perDay: read("rate", readRate, 1000),
    duration: read("duration", (text) => readDuration("duration", text), 7 * DAY),
    model: textOf(values, "model"),
    input: read("input", (text) => readCount("input", text, 0), 800),
    output: read("output", (text) => readCount("output", text, 0), 300),
    stream: read("stream", (text) => readShare("stream", text), 0.5),
    clients: read("clients", (text) => readCount("clients", text, 1), 10),
    shape,
    seed: read("seed", (text) => readCount("seed", text, 0), 42),
    changes: [
      ...listOf(values, "add").map(readAdd),
      ...listOf(values, "without").map(readWithout),
      ...listOf(values, "swap").map(readSwap),
    ],
    rules: listOf(values, "assume").map(readAssumption),
  };
}

function listOf(values: Values, name: string): string[] {
  const value = values[name];
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === "string");
}

function readAdd(text: string): AskedChange {
  const [, provider, count = "1"] = /^([^:]+)(?::(\d{1,4}))?$/.exec(text) ?? [];
  if (provider === undefined || Number(count) < 1) throw wrong("add", text, "groq:1, a provider and how many keys");
  return { kind: "add", provider, count: Number(count) };
}

function readWithout(text: string): AskedChange {
  const slash = text.indexOf("/");
  const [provider, key] = slash === -1 ? [text, undefined] : [text.slice(0, slash), text.slice(slash + 1)];
  if (provider === "" || key === "") throw wrong("without", text, "groq, or groq/KEY as proxy keys shows it");
  return { kind: "without", provider, key };
}

function readSwap(text: string): AskedChange {
  const [, one, other] = /^(\d{1,3})\s*,\s*(\d{1,3})$/.exec(text.trim()) ?? [];
  if (one === undefined || one === other) throw wrong("swap", text, "2,3, the numbers of two tiers");
  return { kind: "swap", tiers: [Number(one), Number(other)] };
}

function inVain(flag: string, from: string | undefined): ConfigError {
  const [why, fix] =
    from === undefined
      ? ["It says how much of a recording counts, and there is none.", "Add --from FILE, or write --duration."]
      : ["The recording says who asked when.", `Leave --${flag} out, or leave --from out.`];
  return new ConfigError([wrongUse(`--${flag} goes ${from === undefined ? "with" : "without"} --from`, why, fix)]);
}
