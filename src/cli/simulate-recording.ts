/** Recorded requests for `proxy simulate --from FILE`: one JSON object per line. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import type { Chance } from "../simulation/chance.ts";
import type { Ask } from "../simulation/user/asks.ts";
import { plain } from "./layout.ts";

export interface RecordingInit {
  /** Where it is from, for people: a path, or the database's place. */
  readonly path: string;
  readonly text: string;
  /** Milliseconds up to the last request that count. */
  readonly last: number | undefined;
  /** For what a line does not say. */
  readonly usual: Pick<Ask, "model" | "input" | "output">;
  /** Share of the requests that are streamed, where that is not said. */
  readonly stream: number;
  readonly chance: Chance;
}

/** Names under which a field is known, the first that is there counts. */
const names = {
  time: ["time", "at", "timestamp", "ts", "startedAt", "created"],
  model: ["asked", "model"],
  client: ["client", "user", "principal"],
  conversation: ["conversation", "session"],
  stream: ["stream"],
  input: ["input", "inputTokens", "input_tokens", "prompt_tokens"],
  output: ["output", "outputTokens", "output_tokens", "completion_tokens"],
} as const;

interface Line {
  readonly [name: string]: unknown;
}

/** In order of time, at least one. Throws a `ConfigError` that names the first line which cannot be used. */
export function readRecording({ path, text: all, last, usual, stream, chance }: RecordingInit): Ask[] {
  const asks: Ask[] = [];
  for (const [index, text] of all.split("\n").entries()) {
    if (text.trim() === "") continue;
    const fail = (what: string, why: string, fix: string): ConfigError =>
      problem({ what, why, fix, file: path, position: { line: index + 1 } });
    const line = objectIn(text);
    if (line === undefined) {
      throw fail("A line of the recording is no JSON object", "Every line is one request.", sample);
    }
    const at = timeOf(field(line, "time"));
    if (at === undefined) {
      throw fail("A recorded request has no time", "It says when the request came.", `Write "time" as in ${sample}`);
    }
    const client = textIn(field(line, "client")) ?? "client-1";
    const streamed = field(line, "stream");
    asks.push({
      at,
      client,
      conversation: textIn(field(line, "conversation")) ?? client,
      model: textIn(field(line, "model")) ?? usual.model,
      stream: typeof streamed === "boolean" ? streamed : chance.happens(stream),
      input: tokensIn(field(line, "input")) ?? usual.input,
      output: tokensIn(field(line, "output")) ?? usual.output,
    });
  }
  if (asks.length === 0) {
    throw problem({ what: "The recording is empty", why: "It has no line with a request.", fix: sample, file: path });
  }
  asks.sort((a, b) => a.at - b.at);
  const from = last === undefined ? Number.NEGATIVE_INFINITY : asks.at(-1)!.at - last;
  return asks.filter(({ at }) => at > from);
}

const sample = '{"time":"2026-11-20T14:02:31Z","model":"smart","input":800,"output":300,"client":"mia"}';

/** The recording's text. `file` is what was typed. */
export async function readRecordingFile(cwd: string, file: string): Promise<Pick<RecordingInit, "path" | "text">> {
  const path = resolve(cwd, file);
  try {
    return { path, text: await readFile(path, "utf8") };
  } catch (error) {
    const why = `The system says: ${error instanceof Error ? error.message : String(error)}`;
    throw problem({ what: `The recording ${plain(file)} cannot be read`, why, fix: "Check the path behind --from." });
  }
}

function problem(more: Omit<ConfigProblem, "code" | "path">): ConfigError {
  return new ConfigError([{ code: "recording_invalid", path: [], ...more }]);
}

function objectIn(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Line) : undefined;
  } catch {
    // What V8 says of it names a place in a line that the reader is shown anyway.
    return undefined;
  }
}

function field(line: Line, name: keyof typeof names): unknown {
  for (const each of names[name]) if (line[each] !== undefined && line[each] !== null) return line[each];
  return undefined;
}

/** ISO 8601, epoch seconds or epoch milliseconds. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === "number" && value > 0) return Math.round(value < 1e11 ? value * 1000 : value);
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function tokensIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;
}
