/** What `start` says once it answers: where, with which plugins and which keys, and what to do when there are none. */
import type { Discovery } from "../candidates/discovery.ts";
import { environmentPrefix } from "../candidates/keys.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import { version } from "../version.ts";
import { localUrl } from "./address.ts";
import { nameOf, type Source } from "./boot.ts";
import { countKeys, isAnonymous, keyName, markOf, needsYou, type Rack, racksOf } from "./keys.ts";
import { count, pad } from "./layout.ts";
import { coreOrder, type Stages, stagesOf } from "./stages.ts";
import type { Out, Terminal } from "./terminal.ts";

export interface BannerInit {
  readonly terminal: Terminal;
  readonly proxy: Proxy;
  readonly source: Source;
  /** As the server gives it. */
  readonly url: string;
  /** Since the process began. */
  readonly ms: number;
}

/** Providers with a line of their own, and keys named on it. */
const racksShown = 3;
const keysShown = 4;

export function banner({ terminal, proxy, source, url, ms }: BannerInit): string {
  const { err, cwd } = terminal;
  const { style } = err;
  const { pipeline, discovery } = internalsOf(proxy);
  const { app, hooks } = pipeline;
  const racks = racksOf(app);
  const local = localUrl(url);
  const base = local + proxy.config.base;
  const everywhere =
    `${local}/` === new URL(url).href ? "" : style.dim("   and on every other address of this machine");
  const models = app.models.list().filter(({ ownedBy }) => ownedBy !== "waygate").length;
  const file = nameOf(source, cwd);
  return [
    [`${style.bold(`waygate ${version}`)}  ready in ${Math.round(ms)} ms`, file, style.bold(verdict(racks))].join("  "),
    "",
    `  →  API        ${style.cyan(`${base}/v1`)}${everywhere}`,
    ...stageLines(stagesOf(proxy), callText(racks.length, models, discovery)),
    ...rackLines(racks, err),
    ...(countKeys(racks).all === 0
      ? whatToDo({ racks, source, file, base, guarded: hooks.auth.length > 0, out: err })
      : []),
  ].join("\n");
}

function verdict(racks: readonly Rack[]): string {
  const { usable, all } = countKeys(racks);
  if (all > 0) return `${usable} of ${count(all, "key")} usable`;
  const answering = racks.filter(({ keys }) => keys.length > 0).map(({ provider }) => provider.name);
  if (answering.length === 0) return "nobody can answer";
  return answering.length === 1 ? `only "${answering[0]}" can answer` : `no keys, ${answering.join(", ")} can answer`;
}

/** The lists of those who are asked come later; nothing waits for them. */
function callText(providers: number, models: number, { listings }: Discovery): string {
  const asking = listings().flatMap(({ provider, state }) => (state === "asking" ? [provider] : []));
  const more = asking.length > 3 ? `${asking.length} providers` : asking.join(", ");
  const rest = asking.length === 0 ? "" : `, asking ${more} for more`;
  return `${count(providers, "provider")}, ${count(models, "model")}${rest}`;
}

function stageLines(stages: Stages, call: string): string[] {
  const order = stages.order.filter((name) => !coreOrder.includes(name));
  const selection = [
    ["drop ", stages.drop],
    ["order", order],
  ] as const;
  const select = selection
    .filter(([, names]) => names.length > 0)
    .map(([word, names]) => `${word} ${names.join(", ")}`);
  const lines: (readonly [string, string])[] = [
    ["auth", stages.auth.join(", ")],
    ["filter", stages.filter.join(", ")],
    ["selectKey", select[0] ?? ""],
    ["", select[1] ?? ""],
    ["transform", stages.transform.filter((name) => !stages.order.includes(name)).join(", ")],
    ["call", call],
    ["record", stages.record.filter((name) => !stages.drop.includes(name)).join(", ")],
  ];
  return lines.filter(([, text]) => text !== "").map(([label, text]) => `  ${pad(label, 10)} ${text}`);
}

function rackLines(all: readonly Rack[], out: Out): string[] {
  const racks = all.filter(({ keys }) => keys.some(({ credential }) => !isAnonymous(credential)));
  const shown = racks.slice(0, racksShown);
  const width = Math.max(0, ...shown.map(({ provider }) => provider.name.length));
  const lines = shown.map(({ provider, keys }, index) => {
    const few = keys.length <= 12;
    const marks = few
      ? keys.map(({ state }) => markOf(state, out.style)).join("")
      : `${markOf("active", out.style)} ${keys.length}`;
    const names = keys.slice(0, keysShown).map(({ credential }) => keyName(credential));
    const more = keys.length > keysShown ? ` and ${keys.length - keysShown} more` : "";
    return `  ${index + 1}  ${pad(provider.name, width)}  ${marks}  ${names.join(" ")}${more}${troubles(keys)}`;
  });
  const rest = racks.slice(racksShown).map(({ provider }) => provider.name);
  if (rest.length > 0) lines.push(`     ${rest.length} more: ${rest.join(", ")}`);
  const idle = all.filter(({ keys }) => keys.length === 0).map(({ provider }) => provider.name);
  if (idle.length > 0) lines.push(`  ${out.style.dim(`without a key and inactive: ${idle.join(", ")}`)}`);
  return lines;
}

function troubles(keys: Rack["keys"]): string {
  const resting = keys.filter(({ state }) => state === "cooling" || state === "exhausted").length;
  const lost = keys.filter(({ state }) => needsYou(state)).length;
  return `${resting > 0 ? `   ${resting} resting` : ""}${lost > 0 ? `   ${count(lost, "key")} need you` : ""}`;
}

interface WithoutKeys {
  readonly racks: readonly Rack[];
  readonly source: Source;
  readonly file: string;
  readonly base: string;
  readonly guarded: boolean;
  readonly out: Out;
}

function whatToDo({ racks, source, file, base, guarded, out }: WithoutKeys): string[] {
  const idle = racks.find(({ keys }) => keys.length === 0)?.provider.name;
  const cyan = out.style.cyan;
  const variable = cyan(`${environmentPrefix(idle ?? "openai")}_API_KEY=…`);
  const keyless = cyan('openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:11434/v1", keyless: true })');
  const [set, or] =
    idle !== undefined
      ? [`add ${variable} to .env beside ${file}`, `write it into ${file}: ${cyan(`keys: ["…"]`)} of ${idle}`]
      : source.file === undefined
        ? [
            `add ${variable} to .env in this folder; ${cyan("npx proxy init")} writes one, and a config`,
            `without a key: ${cyan("LAB_API_BASE=http://127.0.0.1:11434/v1")}`,
          ]
        : [`list a provider in ${file} and add ${variable} to .env beside it`, `without a key: ${keyless}`];
  const lines = [`Set a key    ${set}`, `or           ${or}`];
  if (racks.some(({ provider }) => provider.name === "echo")) {
    const key = guarded ? ' -H "authorization: Bearer $PROXY_API_KEY"' : "";
    const body = '{"model":"echo/echo","messages":[{"role":"user","content":"hello"}]}';
    lines.push(
      `Try it now   ${cyan(`curl -s ${base}/v1/chat/completions -H 'content-type: application/json'${key} -d '${body}'`)}`,
    );
  }
  return ["", ...lines.map((line, index) => (index === 0 ? `${out.style.yellow("!")}  ${line}` : `   ${line}`))];
}
