/**
 * Which models an account has and how much of them is left. `retrieveUserQuotaSummary` tells the windows of groups, 5 hours
 * and a week; `fetchAvailableModels` the models, with both windows in one number.
 */
import { type Json, type JsonObject, ProxyError } from "waygate";
import { type Ask, askService, type QuotaReading } from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";
import { factsOf, hidden } from "./models.ts";

export interface Left {
  /** One for each model and window; a model of which nothing is known is not among them. */
  readonly readings: readonly QuotaReading[];
  /** The service's names of what is offered. */
  readonly models: readonly string[];
  /** New names by those the service has given up. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** The first host that is in order is asked. Rejects like `askService`. */
export async function whatIsLeft(hosts: readonly string[], ask: Ask, project: string): Promise<Left> {
  const [available, summary] = await Promise.all([fetchModels(hosts, ask, project), fetchSummary(hosts, ask, project)]);
  const { models, deprecatedModelIds } = available;
  const listed = Object.entries(isObject(models) ? models : {}).filter(([id]) => !hidden.has(id));
  const windows = windowsIn(summary);
  return {
    models: listed.map(([id]) => id),
    renamed: renamedIn(deprecatedModelIds),
    readings: listed.flatMap(([model, facts]): readonly QuotaReading[] => {
      const own = windows.get(factsOf(model).family === "gemini" ? "gemini" : "3p");
      if (own) return own.map((window) => ({ ...window, model }));
      const reading = isObject(facts) ? readingOf(facts["quotaInfo"]) : undefined;
      return reading ? [{ ...reading, model }] : [];
    }),
  };
}

/** Some accounts are refused with their project and answered without. */
async function fetchModels(hosts: readonly string[], ask: Ask, project: string): Promise<JsonObject> {
  try {
    return await askService(hosts, ":fetchAvailableModels", { project }, ask);
  } catch (error) {
    if (!ProxyError.is(error) || error.upstream?.status !== 403 || error.kind === "banned") throw error;
    return askService(hosts, ":fetchAvailableModels", {}, ask);
  }
}

/** Not every plan has it. */
async function fetchSummary(hosts: readonly string[], ask: Ask, project: string): Promise<JsonObject> {
  try {
    return await askService(hosts, ":retrieveUserQuotaSummary", { project }, ask);
  } catch (error) {
    if (ask.signal.aborted || !ProxyError.is(error)) throw error;
    return {};
  }
}

type Window = Omit<QuotaReading, "model">;

/** By what stands before the dash in a bucket's id: `gemini-5h`, `3p-weekly`. */
function windowsIn({ groups }: JsonObject): ReadonlyMap<string, readonly Window[]> {
  const found = new Map<string, Window[]>();
  for (const group of listOf(groups)) {
    for (const bucket of listOf(group["buckets"])) {
      const { bucketId, window } = bucket;
      const reading = readingOf(bucket);
      if (typeof bucketId !== "string" || !reading) continue;
      const name = bucketId.split("-")[0] ?? "";
      const list = found.get(name) ?? [];
      list.push({ ...reading, ...(typeof window === "string" && { window }) });
      found.set(name, list);
    }
  }
  return found;
}

/** A number that is zero is left out on the wire. */
function readingOf(value: Json | undefined): Window | undefined {
  if (!isObject(value)) return undefined;
  const { remainingFraction: left, resetTime } = value;
  const resetAt = typeof resetTime === "string" ? Date.parse(resetTime) : Number.NaN;
  return { left: typeof left === "number" ? left : 0, ...(!Number.isNaN(resetAt) && { resetAt }) };
}

function renamedIn(value: Json | undefined): ReadonlyMap<string, string> {
  const entries = Object.entries(isObject(value) ? value : {}).flatMap(([old, now]): [string, string][] => {
    const id = isObject(now) ? now["newModelId"] : undefined;
    return typeof id === "string" && id !== "" && id !== old ? [[old, id]] : [];
  });
  return new Map(entries);
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((each): each is JsonObject => isObject(each)) : [];
}
