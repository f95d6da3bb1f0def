/** From the text of a YAML or JSON config to what a program would have exported. */
import { basename } from "node:path";
import { type Path, describe, invalid } from "../../config/check-values.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { isObject } from "../../config/rules.ts";
import type { AnyConfig } from "../../config/types.ts";
import type { Environment } from "../env-file.ts";
import { type FailureContext, placed } from "../failure.ts";
import { importFresh } from "../fresh.ts";
import { type FitOptions, configSchema, fit } from "./options.ts";
import { parseData } from "./parse.ts";
import { type Load, makePlugin } from "./plugin.ts";
import { substitute } from "./substitute.ts";

export interface DataConfig {
  readonly config: AnyConfig;
  /** The config and the local files it names: what to watch. */
  readonly files: readonly string[];
}

/** Throws a `ConfigError` with everything wrong in the text, or else with everything its plugins say. */
export async function readData(context: FailureContext, env: Environment): Promise<DataConfig> {
  const { file, source } = context;
  const { document, problems } = parseData(source);
  stopAt(problems, context);
  const given = substitute(document.toJS(), env);
  stopAt(given.problems, context);
  if (!isObject(given.value)) stopAt([noConfig(given.value, file)], context);
  const { $schema: _schema, plugins: listed, ...others } = given.value as { readonly [key: string]: unknown };
  // What is wrong there is found with all the rest, in the words used for every config.
  const { value } = fit(others, configSchema(), [], given);
  const entries = Array.isArray(listed) ? listed : [];
  const names = entries.flatMap((entry: unknown) => nameIn(entry) ?? []);
  const { module, files } = await importFresh(file, names);
  const load = (await module)["load"] as Load;
  try {
    const plugins = await makeAll(entries, load, given, context);
    return {
      config: { ...(value as object), plugins: Array.isArray(listed) ? plugins : listed } as AnyConfig,
      files: files(),
    };
  } catch (error) {
    // With the files found so far, so that a correction of any of them is noticed.
    throw ConfigError.is(error) ? placed(error.problems, { ...context, files: files() }, error.cause) : error;
  }
}

async function makeAll(
  entries: readonly unknown[],
  load: Load,
  given: FitOptions,
  context: FailureContext,
): Promise<unknown[]> {
  const problems: ConfigProblem[] = [];
  const plugins: unknown[] = [];
  // One after the other: what several of them complain about comes in the order of the file.
  for (const [index, entry] of entries.entries()) {
    const path: Path = ["plugins", index];
    const name = nameIn(entry);
    if (entry === null || entry === false || entry === "") plugins.push(false);
    else if (name === undefined) problems.push(noPlugin(entry, path));
    else {
      const list = Array.isArray(entry) ? entry.slice(1) : [];
      const made = await makePlugin({ name, list, path, load, given, context });
      if ("problems" in made) problems.push(...made.problems);
      else plugins.push(made.plugin);
    }
  }
  stopAt(problems, context);
  return plugins;
}

function nameIn(entry: unknown): string | undefined {
  const name: unknown = Array.isArray(entry) ? entry[0] : entry;
  return typeof name === "string" && name !== "" ? name : undefined;
}

function stopAt(problems: readonly ConfigProblem[], context: FailureContext): void {
  if (problems.length > 0) throw placed(problems, context);
}

function noConfig(value: unknown, file: string): ConfigProblem {
  const why = value === null || value === undefined ? "The file is empty." : `It is ${describe(value)}.`;
  const fix = file.endsWith(".json") ? 'Write: { "plugins": [ … ] }' : "Write: plugins: [ … ]";
  return invalid([], `${basename(file)} holds no config`, why, fix);
}

function noPlugin(entry: unknown, path: Path): ConfigProblem {
  const seen = Array.isArray(entry) ? `Its first part is ${describe(entry[0])}.` : `It is ${describe(entry)}.`;
  return invalid(
    path,
    "An entry of plugins names no plugin",
    seen,
    'Write "waygate/plugins/NAME", or ["waygate/plugins/NAME", { options }].',
  );
}
