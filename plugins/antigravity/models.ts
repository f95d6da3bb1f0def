/** Models of Antigravity: what is known of them, by what other names they go, and which of several stands for an effort. */
import type { ModelGroups } from "waygate/plugins/code-assist";

/** Known in August 2026. What an account's own list says goes before it; any other may be asked for by name. */
export const models = [
  "claude-opus-4-6-thinking",
  "claude-sonnet-4-6",
  "gemini-pro-agent",
  "gemini-3.1-pro-low",
  "gemini-3.7-flash-high",
  "gemini-3.6-flash-high",
  "gemini-3-flash",
  "gemini-3-flash-agent",
  "gemini-3.5-flash-low",
  "gemini-3.5-flash-extra-low",
  "gemini-3.1-flash-lite",
  "gemini-3.1-flash-image",
  "gpt-oss-120b-medium",
] as const;

/** Models the service lists for its own purposes. */
export const hidden: ReadonlySet<string> = new Set([
  ...["chat_20706", "chat_23310", "gemini-2.5-flash-thinking", "gemini-2.5-pro", "rev19-uic3-1p"],
]);

/** Models that share one quota. */
export const groups: ModelGroups = {
  claude: ["claude-*", "gpt-oss-*"],
  "g3-pro": ["gemini-3*-pro*", "gemini-pro-agent"],
  "g3-flash": ["gemini-3*-flash*"],
  "g25-lite": ["gemini-2.5-flash-lite*"],
  "g25-flash": ["gemini-2.5-flash*"],
};

/** Who made a model decides what may be said to it. */
export type Family = "gemini" | "claude" | "gpt-oss";

export interface ModelFacts {
  /** The service's name. */
  readonly id: string;
  readonly family: Family;
  /** Of Gemini models; 0 where it is not known. */
  readonly generation: number;
  readonly flash: boolean;
  readonly lite: boolean;
  readonly image: boolean;
  /** How much it thinks is in its name. */
  readonly leveled: boolean;
}

/** Ids that do not say what they are. */
const agents: { readonly [id: string]: string } = {
  "gemini-pro-agent": "gemini-3.1-pro-high",
  "gemini-3-flash-agent": "gemini-3.5-flash-high",
};

export function factsOf(id: string): ModelFacts {
  const name = agents[id] ?? id;
  const family = /claude/i.test(name) ? "claude" : /gpt/i.test(name) ? "gpt-oss" : "gemini";
  return {
    id,
    family,
    generation: family === "gemini" ? Number(/gemini-(\d+(?:\.\d+)?)/i.exec(name)?.[1] ?? 0) : 0,
    flash: /flash/i.test(name),
    lite: /lite/i.test(name),
    image: /-image/i.test(name),
    leveled: /-(?:extra-low|low|medium|high)$/i.test(name),
  };
}

export type Level = "minimal" | "low" | "medium" | "high";

/** One name for several models, by how much is to be thought; `usual` where nothing is said. */
const byLevel: { readonly [name: string]: { readonly [L in Level]: string } & { readonly usual: string } } = {
  "gemini-3-pro": leveled("gemini-3-pro-low", "gemini-3-pro-high"),
  "gemini-3.1-pro": leveled("gemini-3.1-pro-low", "gemini-pro-agent"),
  "gemini-3.5-flash": {
    minimal: "gemini-3.5-flash-extra-low",
    low: "gemini-3.5-flash-extra-low",
    medium: "gemini-3.5-flash-low",
    high: "gemini-3-flash-agent",
    usual: "gemini-3.5-flash-low",
  },
};

function leveled(low: string, high: string): { readonly [L in Level]: string } & { readonly usual: string } {
  return { minimal: low, low, medium: high, high, usual: high };
}

const aliases: { readonly [name: string]: string } = {
  "gemini-3.1-pro-high": "gemini-pro-agent",
  "gemini-3-flash-preview": "gemini-3-flash",
  "gemini-3.6-flash": "gemini-3.6-flash-high",
  "gemini-3.7-flash": "gemini-3.7-flash-high",
  "gemini-3-pro-image-preview": "gemini-3-pro-image",
  "gemini-3.1-flash-image-preview": "gemini-3.1-flash-image",
  "gemini-2.5-computer-use-preview-10-2025": "rev19-uic3-1p",
};

/** What of a request decides which model is asked. */
export interface Wanted {
  /** `undefined`: nothing is said about thinking. */
  readonly level: Level | "none" | undefined;
}

/** The service's name for what a client asks for. `renamed` has the names that the service itself has given up. */
export function modelFor(name: string, { level }: Wanted, renamed: ReadonlyMap<string, string>): string {
  const chosen = /^claude/i.test(name) ? claudeFor(name, level) : geminiFor(name, level);
  // A new name may have been given up as well.
  let id = chosen;
  for (let hops = 0; hops < 3; hops += 1) id = renamed.get(id) ?? id;
  return id;
}

function geminiFor(name: string, level: Wanted["level"]): string {
  const bare = name.replace(/-preview$/, "");
  const choice = Object.hasOwn(byLevel, bare) ? byLevel[bare] : undefined;
  if (choice) return level === undefined ? choice.usual : choice[level === "none" ? "minimal" : level];
  if (name === "gemini-2.5-flash" && level !== undefined && level !== "none") return "gemini-2.5-flash-thinking";
  return aliases[name] ?? name;
}

/** Dots or dashes, with or without a date and `-thinking`: Opus always thinks, Sonnet 4.5 has two ids, later ones have one. */
function claudeFor(name: string, level: Wanted["level"]): string {
  const dashed = name
    .toLowerCase()
    .replaceAll(".", "-")
    .replace(/-20\d{6}(?=$|-)/, "");
  const thinking = dashed.endsWith("-thinking");
  const bare = dashed.replace(/-thinking$/, "");
  if (bare.startsWith("claude-opus-")) return `${bare}-thinking`;
  if (bare !== "claude-sonnet-4-5") return bare.startsWith("claude-sonnet-") ? bare : dashed;
  return thinking || (level !== undefined && level !== "none") ? `${bare}-thinking` : bare;
}
