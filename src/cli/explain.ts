/** `proxy explain MODEL`: whom a request for it would be sent to, in which order and why. Nothing is sent. */
import { acceptBody } from "../pipeline/accept.ts";
import { RequestState } from "../pipeline/context.ts";
import { createSelector } from "../pipeline/select.ts";
import { ConfigError } from "../config/problem.ts";
import type { Credentials } from "../candidates/credentials.ts";
import { ProxyError } from "../failure/error.ts";
import { mayConcern, ruleText } from "../failure/own-rules.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import { createLog } from "../log.ts";
import { boot, loadSource, nameOf, type Source } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { keyName } from "./keys.ts";
import { count, duration, plain, table } from "./layout.ts";
import type { Out } from "./terminal.ts";

interface Row {
  /** From 1; absent for one that would not be tried. */
  readonly position?: number;
  readonly provider: string;
  readonly model: string;
  readonly key: string;
  readonly policy?: string;
  readonly reason: string;
  /** Epoch milliseconds; `Infinity` waits for a human. */
  readonly until?: number;
}

interface Explanation {
  readonly model: string;
  readonly targets: readonly Target[];
  readonly rows: readonly Row[];
  /** Calls one request makes at most. */
  readonly attempts: number;
  /** Rules of `errors` that may concern a failure of one of the targets. */
  readonly errors: readonly string[];
}

/** Rows a person is shown. */
const mostShown = 60;

export async function explain({ terminal, values, operands }: Call): Promise<number> {
  const { out, err, cwd } = terminal;
  const source = await loadSource({ cwd, file: textOf(values, "config") });
  const proxy = await boot(source, { discover: false, log: createLog("error") });
  try {
    const found = await explanation(proxy, resolve(proxy, source, operands[0] ?? "", cwd));
    if (values["json"] === true) out.line(JSON.stringify(asDocument(found), undefined, 2));
    else {
      for (const line of report(found, out)) out.line(line);
      (out.isTerminal ? out : err).line(total(found.rows, found.attempts));
    }
    return 0;
  } finally {
    await proxy.close();
  }
}

function resolve(
  proxy: Proxy,
  source: Source,
  model: string,
  cwd: string,
): { model: string; targets: readonly Target[] } {
  const { models, providers } = internalsOf(proxy).pipeline.app;
  try {
    return { model, targets: models.resolve(model) };
  } catch (error) {
    if (!ProxyError.is(error)) throw error;
    const near = /Nearest: (.+?)\. All:/.exec(error.message)?.[1];
    const asked = providers.filter(({ discover }) => discover).map(({ name }) => name);
    const unasked =
      asked.length === 0 ? "" : ` The lists of ${asked.join(", ")} were not fetched; write PROVIDER/MODEL.`;
    const known = models.list().map(({ id }) => id);
    const fix =
      near !== undefined
        ? `proxy explain ${near}`
        : known.length === 0
          ? "List a provider."
          : `One of ${known.slice(0, 8).join(", ")}`;
    const [what, why] =
      error.kind === "not_found"
        ? [
            `Unknown model ${JSON.stringify(plain(model))}`,
            `No alias and no provider in ${nameOf(source, cwd)} has it.${unasked}`,
          ]
        : [`The model ${JSON.stringify(plain(model))} may not be used`, error.message];
    throw new ConfigError([{ code: error.code ?? error.kind, path: [], what, why, fix }], { cause: error });
  }
}

async function explanation(
  proxy: Proxy,
  { model, targets }: { model: string; targets: readonly Target[] },
): Promise<Explanation> {
  const { app, pool, hooks } = internalsOf(proxy).pipeline;
  const state = new RequestState({
    app,
    req: new Request("http://127.0.0.1/v1/chat/completions", { method: "POST" }),
    id: "explain",
    protocol: app.protocol("openai-chat"),
    operation: "generate",
    ip: undefined,
  });
  acceptBody(state, JSON.stringify({ model, messages: [{ role: "user", content: "" }] }));
  const ordered = await createSelector(state, pool, hooks.selectKey).explain(targets);
  const tried = ordered.map((candidate, index) => ({
    position: index + 1,
    ...namesOf(candidate),
    ...(halfOpen(candidate, app.credentials) ?? reasonFor(candidate, targets, state)),
  }));
  const dropped = state.decisions
    .filter(({ action, candidate }) => action === "drop" && !ordered.includes(candidate))
    .map(({ candidate, policy, reason, until }) => ({ ...namesOf(candidate), policy, reason, until }));
  const resting = targets.flatMap((target) => restingOf(target, proxy));
  const { errors, retry } = app.config;
  return {
    model,
    targets,
    rows: [...tried, ...dropped, ...resting],
    attempts: retry.attempts,
    errors: errors.flatMap((rule, index) =>
      targets.some((target) => mayConcern(rule, target.provider.name, target.model))
        ? [`errors[${index}]  ${ruleText(rule)}`]
        : [],
    ),
  };
}

function namesOf({ provider, model, credential }: Candidate): Pick<Row, "provider" | "model" | "key"> {
  return { provider: provider.name, model, key: keyName(credential) };
}

/** What policies said of it, else which part of the fixed order put it there. */
function reasonFor(
  candidate: Candidate,
  targets: readonly Target[],
  { decisions }: RequestState,
): Pick<Row, "policy" | "reason"> {
  const moved = decisions.findLast((decision) => decision.action === "move" && decision.candidate === candidate);
  if (moved) return { policy: moved.policy, reason: moved.reason };
  const target = targets.find(({ provider, model }) => provider === candidate.provider && model === candidate.model);
  if (target?.fallback) return { policy: "tiers", reason: "the same model elsewhere" };
  if (candidate.position > 0) return { policy: "alias", reason: `target ${candidate.position + 1}` };
  const { priority } = candidate.credential;
  return priority === undefined ? { reason: "ready" } : { policy: "priority", reason: String(priority) };
}

/** What rested and may be tried by one request at a time: the provider, the key, or the key for this model. */
function halfOpen(
  { provider, model, credential }: Candidate,
  credentials: Credentials,
): Pick<Row, "policy" | "reason"> | undefined {
  const places = [{}, { credential: credential.id }, { credential: credential.id, model }];
  const found = places
    .map((place) => credentials.restOf({ provider: provider.name, ...place }))
    .find((rest) => rest?.state === "half-open");
  return found && { policy: found.policy, reason: `half-open: one request tries it (${found.reason})` };
}

/** The core keeps these from the policies, so no decision names them. */
function restingOf({ provider, model }: Target, proxy: Proxy): Row[] {
  const { pool } = internalsOf(proxy).pipeline;
  const credentials = pool.list(provider.name);
  if (credentials.length === 0) return [{ provider: provider.name, model, key: "", reason: "no key, inactive" }];
  return credentials.flatMap((credential): Row[] => {
    const rest = pool.resting({ provider, model, credential });
    if (!rest) return [];
    const { policy, reason, until, state } = rest;
    return [{ provider: provider.name, model, key: keyName(credential), policy, reason: `${state}: ${reason}`, until }];
  });
}

function report({ model, targets, rows, errors }: Explanation, out: Out): string[] {
  const { bold, dim } = out.style;
  const shown = out.isTerminal ? rows.slice(0, mostShown) : rows;
  const cells = shown.map((row) => [
    row.position === undefined ? (out.isTerminal ? "–" : "skipped") : String(row.position),
    plain(`${row.provider}/${row.model}`),
    row.key,
    plain(row.policy === undefined ? row.reason : `${row.policy}: ${row.reason}`),
    row.until === undefined ? "" : back(row.until, out.isTerminal),
  ]);
  const columns = [
    { head: "#" },
    { head: "CANDIDATE", fit: "middle" },
    { head: "KEY" },
    { head: "WHY", fit: "below" },
    { head: "BACK" },
  ] as const;
  const lines = table(out, columns, cells);
  if (!out.isTerminal) return lines;
  const names = targets.slice(0, 6).map((target) => plain(`${target.provider.name}/${target.model}`));
  const more = targets.length > names.length ? ` and ${targets.length - names.length} more` : "";
  const head = `${bold(plain(model))} → ${names.join(", ")}${more}`;
  const hidden = rows.length > shown.length ? [dim(`   … ${rows.length - shown.length} more: --json has all`)] : [];
  return [head, ...lines, ...hidden, ...errors.map((rule) => dim(`   ${plain(rule)}`))];
}

function total(rows: readonly Row[], attempts: number): string {
  const tried = rows.filter(({ position }) => position !== undefined).length;
  const most = tried > attempts ? ` One request makes at most ${count(attempts, "attempt")}.` : "";
  return `${tried} of ${rows.length} would be tried.${most}`;
}

function back(until: number, isTerminal: boolean): string {
  if (until === Number.POSITIVE_INFINITY) return "needs you";
  return isTerminal ? `in ${duration(until - Date.now())}` : new Date(until).toISOString();
}

function asDocument({ model, targets, rows, attempts, errors }: Explanation): object {
  return {
    model,
    targets: targets.map((target) => `${target.provider.name}/${target.model}`),
    attempts,
    errors,
    candidates: rows.map(({ until, position, policy, ...row }) => ({
      position: position ?? null,
      tried: position !== undefined,
      ...row,
      policy: policy ?? null,
      back:
        until === undefined ? null : until === Number.POSITIVE_INFINITY ? "needs you" : new Date(until).toISOString(),
    })),
  };
}
