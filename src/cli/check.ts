/** `proxy check`: loads and sets up, shows what runs in which order, and ends. Nothing is called without `--live`. */
import type { ConfigProblem } from "../config/problem.ts";
import { ruleText } from "../failure/own-rules.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import { boot, loadSource, nameOf, type Source } from "./boot.ts";
import { type Probe, probeKeys, probeLines } from "./check-live.ts";
import { type Call, textOf } from "./commands.ts";
import { keyName, racksOf } from "./keys.ts";
import { count, duration, pad } from "./layout.ts";
import { problemDocument, problemText } from "./print-error.ts";
import { type Stages, stagesOf } from "./stages.ts";
import type { Out } from "./terminal.ts";
import { warningsOf } from "./warnings.ts";

interface Checked {
  readonly source: Source;
  readonly file: string;
  readonly proxy: Proxy;
  readonly ms: number;
  readonly stages: Stages;
  readonly warnings: readonly ConfigProblem[];
}

export async function check({ terminal, values }: Call): Promise<number> {
  const { out, cwd } = terminal;
  const began = performance.now();
  const source = await loadSource({ cwd, file: textOf(values, "config") });
  const proxy = await boot(source, { discover: false });
  try {
    const checked: Checked = {
      source,
      file: nameOf(source, cwd),
      proxy,
      ms: performance.now() - began,
      stages: stagesOf(proxy),
      warnings: warningsOf(source, proxy),
    };
    const isJson = values["json"] === true;
    if (!isJson) for (const line of report(checked, out, cwd)) out.line(line);
    const probes = values["live"] === true ? await probeKeys(proxy) : undefined;
    if (probes && !isJson) for (const line of probeLines(probes, out)) out.line(line);
    if (isJson)
      out.line(JSON.stringify({ ...asDocument(checked, cwd), ...(probes && { live: probes }) }, undefined, 2));
    else {
      const end = out.isTerminal ? out : terminal.err;
      end.line(summary(checked, probes, end));
    }
    return probes?.some(({ state }) => state === "failed") ? 1 : 0;
  } finally {
    await proxy.close();
  }
}

/** For people with marks and colours; for programs words and tabs. */
function report(checked: Checked, out: Out, cwd: string): string[] {
  const { source, file, proxy, ms, stages, warnings } = checked;
  const variables =
    source.env.file === undefined ? "no .env" : `.env with ${count(source.env.names.length, "variable")}`;
  const facts = `${duration(ms)}, ${count(proxy.config.plugins.length, "plugin")}, ${variables}`;
  if (!out.isTerminal) {
    return [
      ["ok", file, facts].join("\t"),
      ...warnings.map(({ code, what, why, fix }) => ["warning", code, what, why, fix].join("\t")),
      ...rows(stages, proxy).map(([stage, names]) => [...stage.split(" "), ...names].join("\t")),
    ];
  }
  return [
    `${out.style.green("✔")} ${pad(file, 17)} ${facts}`,
    ...warnings.map((problem) => problemText(out, [problem], { file: source.file, source: source.text, cwd }, "!")),
    ...rows(stages, proxy).map(([stage, names], index, all) => {
      const [head = "", part = ""] = stage.split(" ");
      const label = all[index - 1]?.[0].startsWith(`${head} `) ? "" : head;
      const gap = stage === "errors" ? `\n${" ".repeat(13)}` : "  ";
      return `  ${pad(label, 10)} ${part === "" ? "" : `${pad(part, 6)} `}${names.join(gap) || out.style.dim("none")}`;
    }),
  ];
}

function rows(stages: Stages, proxy: Proxy): (readonly [string, readonly string[]])[] {
  const { app } = internalsOf(proxy).pipeline;
  const idle = new Set(racksOf(app).flatMap(({ provider, keys }) => (keys.length === 0 ? [provider.name] : [])));
  const all: (readonly [string, readonly string[]])[] = [
    ["auth", stages.auth],
    ["filter", stages.filter],
    ["selectKey drop", stages.drop],
    ["selectKey order", stages.order],
    ["transform", stages.transform],
    ["call", stages.call.map((name) => (idle.has(name) ? `${name} (no key)` : name))],
    ["fail", stages.fail],
    ["event", stages.event],
    ["record", stages.record],
    ["other", stages.other],
    ["errors", proxy.config.errors.map(ruleText)],
  ];
  const seldom = new Set(["fail", "event", "other", "errors"]);
  return all.filter(([stage, names]) => names.length > 0 || !seldom.has(stage));
}

function summary({ warnings }: Checked, probes: readonly Probe[] | undefined, out: Out): string {
  const failed = probes?.filter(({ state }) => state === "failed").length ?? 0;
  const parts = [
    failed > 0 ? out.style.red(`${failed} failed`) : "",
    warnings.length > 0 ? out.style.yellow(count(warnings.length, "warning")) : "",
  ];
  return parts.filter((part) => part !== "").join(", ") || "No problem found.";
}

function asDocument({ source, file, proxy, ms, stages, warnings }: Checked, cwd: string): object {
  const { app } = internalsOf(proxy).pipeline;
  return {
    file: source.file === undefined ? null : file,
    ms: Math.round(ms),
    plugins: proxy.config.plugins.map(({ name }) => name),
    variables: source.env.names,
    stages,
    providers: racksOf(app).map(({ provider, keys }) => ({
      name: provider.name,
      tier: provider.tier ?? null,
      models: app.models.listed(provider.name).length,
      keys: keys.map(({ credential, state }) => ({ key: keyName(credential), state })),
    })),
    aliases: proxy.config.models,
    errors: proxy.config.errors.map(ruleText),
    warnings: warnings.map((problem) => problemDocument(problem, { file: source.file, cwd })),
  };
}
