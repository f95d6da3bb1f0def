/** The table of `proxy models`. */
import type { ModelsDocument, ModelState, ModelStatus } from "../server/model-status.ts";
import { back, count, plain, table } from "./layout.ts";
import type { Out, Style } from "./terminal.ts";

const columns = [
  { head: "MODEL", fit: "middle", least: 40 },
  { head: "CONTEXT" },
  { head: "IN $/M" },
  { head: "OUT $/M" },
  { head: "STATE" },
  { head: "TARGETS", fit: "below" },
] as const;

/** For people as drawn, for programs words and tabs: model, targets, context, price in, price out, state, until. */
export function modelsTable({ at, models }: ModelsDocument, out: Out): string[] {
  const now = Date.parse(at);
  if (!out.isTerminal) return models.map(pipedRow);
  const rows = models.map((model) => [
    plain(model.id),
    model.context_length === null ? "" : compact.format(model.context_length).padStart(columns[1].head.length),
    price(model.pricing.prompt).padStart(columns[2].head.length),
    price(model.pricing.completion).padStart(columns[3].head.length),
    stateText(model, now, out.style),
    isAlias(model) ? plain(model.targets.join(", ")) : "",
  ]);
  return table(out, columns, rows);
}

/** `41 models of 3 providers, 2 aliases`. */
export function modelsTotal({ models }: ModelsDocument): string {
  const own = models.filter((model) => !isAlias(model));
  const aliases = models.length - own.length;
  const providers = new Set(own.map((model) => model.owned_by)).size;
  const more = aliases === 0 ? "" : `, ${aliases} ${aliases === 1 ? "alias" : "aliases"}`;
  return `${count(own.length, "model")} of ${count(providers, "provider")}${more}`;
}

/** Whose own list is missing, and why. */
export function missingLists({ providers }: ModelsDocument): string[] {
  return providers.flatMap(({ provider, state, why, models }) => {
    if (state === "asking") return [`${plain(provider)} has not answered yet`];
    if (state !== "failed") return [];
    const shown = models === 0 ? "" : `; ${count(models, "known model")} shown`;
    return [`${plain(provider)} could not list its models: ${plain(why ?? "")}${shown}`];
  });
}

export function isAlias({ owned_by: owner }: ModelStatus): boolean {
  return owner === "waygate";
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** USD per million tokens; empty when unknown. */
function price(perToken: number | null): string {
  return perToken === null ? "" : String(Number((perToken * 1e6).toPrecision(4)));
}

const looks: { readonly [state in ModelState]: { readonly word: string; readonly color: keyof Style } } = {
  ready: { word: "ready", color: "green" },
  resting: { word: "resting", color: "yellow" },
  "need-you": { word: "needs you", color: "red" },
  "no-key": { word: "no key", color: "dim" },
  none: { word: "no target", color: "red" },
};

function stateText({ state, until }: ModelStatus, now: number, style: Style): string {
  const { word, color } = looks[state] ?? looks.none;
  return style[color](until === null ? word : `${word}, ${back(Date.parse(until), now)}`);
}

function pipedRow(model: ModelStatus): string {
  const { id, targets, context_length: context, pricing, state, until } = model;
  return [
    plain(id),
    plain(targets.join(", ")),
    context ?? "",
    price(pricing.prompt),
    price(pricing.completion),
    state,
    until ?? "",
  ].join("\t");
}
