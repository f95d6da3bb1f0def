/** One line per request: id, model, attempts with provider, status and time, outcome. Never content, never a key. */
import { errorTable } from "../failure/table.ts";
import type { Attempt, Context, Outcome } from "../plugin/context.ts";
import { cutMiddle, duration, plain } from "./layout.ts";
import type { Style } from "./terminal.ts";

export type RequestLine = (outcome: Outcome, ctx: Context) => string;

const longestName = 60;

/** For people: `14:02:31  8Kd2f0  smart  gemini_cli 429 412 ms → openai 200  3.1 s ok`. */
export function readableLine(style: Style, marks: (text: string) => string): RequestLine {
  const time = clockTime();
  return (outcome, ctx) => {
    const { end, endedAt, startedAt } = outcome;
    const attempts = ctx.attempts.map((attempt) => {
      const status = statusOf(attempt);
      const text = `${attempt.provider.name} ${status}`;
      if (attempt === outcome.answeredBy && end === "complete") return text;
      return `${style.yellow(text)} ${duration((attempt.endedAt ?? endedAt) - attempt.startedAt)}`;
    });
    const parts = [time(endedAt), ctx.id, nameOf(ctx.model)];
    if (attempts.length > 0) parts.push(attempts.join(" → "));
    parts.push(`${duration(endedAt - startedAt)} ${paint(outcome, style)}`);
    return marks(parts.join("  "));
  };
}

/** For programs: one JSON object. */
export function jsonLine(): RequestLine {
  return (outcome, ctx) =>
    JSON.stringify({
      time: new Date(outcome.endedAt).toISOString(),
      id: ctx.id,
      model: nameOf(ctx.model),
      attempts: ctx.attempts.map((attempt) => ({
        provider: attempt.provider.name,
        model: nameOf(attempt.model),
        status: attempt.status ?? null,
        ...(attempt.error && { error: attempt.error.kind }),
        ms: (attempt.endedAt ?? outcome.endedAt) - attempt.startedAt,
      })),
      status: outcome.status,
      outcome: word(outcome),
      ms: outcome.endedAt - outcome.startedAt,
    });
}

/** Clients choose it, so it may be long or hold what steers a terminal. */
function nameOf(model: string): string {
  return model === "" ? "-" : plain(cutMiddle(model.slice(0, 400), longestName));
}

function statusOf(attempt: Attempt): string {
  // An error inside an answer with a success status is what happened, not the status.
  if (attempt.error && (attempt.status === undefined || attempt.status < 400)) return attempt.error.kind;
  return String(attempt.status ?? 200);
}

function word({ end, status, error }: Outcome): string {
  if (end === "complete") return status < 400 ? "ok" : `answered ${status}`;
  if (end === "client-aborted") return "client left";
  const code = error ? ` ${error.code ?? errorTable[error.kind].code}` : "";
  return `${end === "refused" ? "refused" : "failed"} ${status}${code}`;
}

function paint(outcome: Outcome, style: Style): string {
  const text = word(outcome);
  if (outcome.end === "complete" && outcome.status < 400) return style.green(text);
  return outcome.end === "client-aborted" ? style.dim(text) : style.red(text);
}

/** Local time of day, made once per second. */
function clockTime(): (at: number) => string {
  let second = 0;
  let text = "";
  return (at) => {
    const now = Math.floor(at / 1000);
    if (now !== second) {
      second = now;
      text = new Date(at).toTimeString().slice(0, 8);
    }
    return text;
  };
}
