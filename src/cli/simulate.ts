/** `proxy simulate`: days of traffic through the config in virtual time, with stand-ins for its providers. */
import type { AnyConfig } from "../config/types.ts";
import { ConfigError } from "../config/problem.ts";
import { flattenPlugins } from "../plugin/flatten.ts";
import { createChance } from "../simulation/chance.ts";
import { type Ask, countAsks } from "../simulation/user/asks.ts";
import { wrongUse } from "./arguments.ts";
import { loadSource } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { count, duration, plain } from "./layout.ts";
import { documentOf } from "./simulate-document.ts";
import { readFlags, type SimulateFlags } from "./simulate-flags.ts";
import { progressOn } from "./simulate-progress.ts";
import { readLedger } from "./simulate-ledger.ts";
import { readRecording, readRecordingFile } from "./simulate-recording.ts";
import { type Runs, simulateRuns } from "./simulate-runs.ts";
import { assumedText } from "./simulate-subject.ts";
import { reportLines, type Shown } from "./simulate-text.ts";
import { timesIn } from "./simulate-times.ts";
import { closing } from "./simulate-words.ts";

const HOUR = 3_600_000;
/** A Monday, when the proxy's day begins: the same for every run, so that its report is. */
const START = Date.UTC(2026, 0, 5, 3);
/** Requests; more would take many minutes. */
const MOST = 5_000_000;

export async function simulate({ terminal, values }: Call): Promise<number> {
  const { out, err, cwd } = terminal;
  const began = performance.now();
  const flags = readFlags(values);
  const asks =
    flags.from === undefined ? undefined : await recorded(flags, flags.from, { cwd, config: textOf(values, "config") });
  const total = asks?.length ?? countAsks(flags);
  if (total < 1 || total > MOST) throw wrongAmount(total);
  const start = asks ? Math.floor(asks[0]!.at / HOUR) * HOUR : START;
  const end = asks ? (Math.floor(asks.at(-1)!.at / HOUR) + 1) * HOUR : start + flags.duration;
  const times = timesIn(Intl.DateTimeFormat().resolvedOptions().timeZone, start, end);

  const done = await simulateRuns({
    cwd,
    file: textOf(values, "config"),
    flags,
    asks,
    start,
    end,
    hour: times.hour(start),
    progress: progressOn(err, total),
  });
  const { runs, models, assumptions } = done;
  const summary = closing(runs, times);
  const shown: Shown = {
    runs,
    start,
    end,
    seed: flags.seed,
    times,
    isRecorded: asks !== undefined,
    asked: askedText(models),
    assumed: [trafficText(flags), ...assumptions.map((each) => assumedText(each))],
    notes: notesOf(done),
    summary,
  };
  if (values["json"] === true) {
    out.line(JSON.stringify(documentOf({ ...shown, models, assumptions }), undefined, 2));
    return 0;
  }
  for (const line of reportLines(shown, out)) out.line(line);
  if (!out.isTerminal)
    for (const line of [...shown.assumed, ...shown.notes.map((note) => `! ${note}`), summary]) err.line(line);
  err.line(err.style.dim(`simulated in ${duration(performance.now() - began)}`));
  return 0;
}

async function recorded(
  flags: SimulateFlags,
  file: string,
  { cwd, config }: { readonly cwd: string; readonly config: string | undefined },
): Promise<Ask[]> {
  const { last, input, output, stream, seed } = flags;
  const usual = { model: "", input, output };
  const found =
    file === "ledger"
      ? await readLedger(await loadSource({ cwd, file: config }), cwd, last)
      : await readRecordingFile(cwd, file);
  return readRecording({ ...found, last, usual, stream, chance: createChance(seed).fork("recording") });
}

function askedText(models: readonly string[]): string {
  const [first = ""] = models;
  return models.length === 1 ? `to ${plain(first)}` : `to ${count(models.length, "model")}`;
}

function trafficText({ from, input, output, stream, clients, shape, perDay }: SimulateFlags): string {
  if (from !== undefined) return `traffic  as recorded in ${plain(from)}`;
  const rate = `${Number(perDay.toPrecision(4)).toLocaleString("en-US")} a day`;
  const when = shape === "flat" ? "spread evenly" : "most in the afternoon";
  const size = `${input} tokens in and ${output} out`;
  return `traffic  ${rate}, ${when}, ${size}, ${Math.round(stream * 100)}% streamed, ${count(clients, "client")}`;
}

/** What the reader might not expect. */
function notesOf({ source, runs, tried }: Runs): string[] {
  const unlisted = unlistedIn(source.config);
  const places = [...tried.keys()];
  const faults = new Set(runs.flatMap((run) => [...run.faults.keys()]));
  return [
    ...(unlisted.length > 0
      ? [`The lists of ${unlisted.join(", ")} were not fetched: they answer the models that the config names.`]
      : []),
    ...(places.length > 0 ? [`A plugin wanted to reach ${plain(places.join(", "))}; nothing was sent.`] : []),
    ...[...faults].map((fault) => `The proxy would have logged: ${plain(fault)}`),
  ];
}

function unlistedIn(config: AnyConfig): string[] {
  const providers = flattenPlugins(config.plugins).flatMap((plugin) => plugin.providers ?? []);
  return providers.filter(({ discover, models }) => discover && models.length === 0).map(({ name }) => plain(name));
}

function wrongAmount(total: number): ConfigError {
  const what = total < 1 ? "There is nothing to simulate" : "That is too much to simulate";
  const why = `It would be ${count(total, "request")}; from 1 to ${MOST.toLocaleString("en-US")} can be.`;
  const fix = total < 1 ? "Raise --rate or --duration." : "Lower --rate or --duration.";
  return new ConfigError([wrongUse(what, why, fix)]);
}
