/** Makes one plugin from its entry in a data file: the module's name and the options of its function. */
import { type Path, invalid } from "../../config/check-values.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { type FailureContext, importCodes, suggestion, toConfigError } from "../failure.ts";
import { plainPath } from "../fresh.ts";
import { functionName, pluginFunction } from "./names.ts";
import { type FitOptions, argumentsOf, fit } from "./options.ts";

/** Imports as the data file would, if it could. */
export type Load = (name: string) => Promise<{ readonly [name: string]: unknown }>;

export interface PluginEntry {
  readonly name: string;
  /** The options. */
  readonly list: readonly unknown[];
  /** Of the entry. */
  readonly path: Path;
  readonly load: Load;
  readonly given: FitOptions;
  readonly context: FailureContext;
}

export type Made = { readonly plugin: unknown } | { readonly problems: readonly ConfigProblem[] };

export async function makePlugin(entry: PluginEntry): Promise<Made> {
  const { name, path, context } = entry;
  if (/^\w+:/.test(name)) {
    const what = `${JSON.stringify(name)} is not the name of a module`;
    return failed(invalid(path, what, "Addresses are not imported.", "Name a package, or a file beside the config."));
  }
  let exports: { readonly [name: string]: unknown };
  try {
    exports = await entry.load(name);
  } catch (error) {
    const own = await notFound(error, entry);
    return { problems: own ? [own] : (await toConfigError(error, context)).problems };
  }
  const make = pluginFunction(exports, name);
  if (typeof make !== "function") return failed(noFunction(make, entry));
  const { options, problems } = fitOptions(entry);
  if (problems.length > 0) return { problems };
  try {
    return { plugin: await make(...options) };
  } catch (error) {
    return { problems: refusals(error, entry) };
  }
}

function failed(problem: ConfigProblem): Made {
  return { problems: [problem] };
}

/** Options as the schema wants them; as they are for a plugin it does not know. */
function fitOptions({ name, list, path, given }: PluginEntry): {
  readonly options: readonly unknown[];
  readonly problems: readonly ConfigProblem[];
} {
  const schemas = argumentsOf(name);
  if (schemas === undefined) return { options: list.map((each) => each ?? undefined), problems: [] };
  if (list.length > schemas.length) {
    const takes =
      schemas.length === 0 ? "no options" : `${schemas.length === 1 ? "one value" : `${schemas.length} values`}`;
    const what = `${functionName(name)} has too many options`;
    return { options: [], problems: [invalid(path, what, `It takes ${takes} after its name.`, "Remove the others.")] };
  }
  const fitted = list.map((value, index) => {
    return value === null
      ? { value: undefined, problems: [] }
      : fit(value, schemas[index] ?? {}, [...path, index + 1], given);
  });
  return { options: fitted.map(({ value }) => value), problems: fitted.flatMap(({ problems }) => problems) };
}

/** A module that is not there, as opposed to one that is and fails. */
async function notFound(error: unknown, { name, path, context }: PluginEntry): Promise<ConfigProblem | undefined> {
  if (!(error instanceof Error) || !("code" in error) || !importCodes.has(String(error.code))) return undefined;
  const importer = /imported from (\S.*?)(?:\n|$)/.exec(error.message)?.[1];
  if (importer !== undefined && plainPath(importer) !== context.file) return undefined;
  const why = (error.message.split("\n", 1)[0] ?? "").replace(/\?[\w-]+=\d+/g, "");
  const what = `The plugin ${JSON.stringify(name)} cannot be found`;
  const fix = await suggestion(name, context.file);
  return { ...invalid(path, what, why, fix, { needle: name }), code: "config_import" };
}

function noFunction(functions: readonly string[], { name, path }: PluginEntry): ConfigProblem {
  const wanted = functionName(name);
  const why =
    functions.length === 0
      ? "It exports no function."
      : `It exports several functions and none is called ${wanted}: ${functions.join(", ")}.`;
  return invalid(
    path,
    `Which function of ${JSON.stringify(name)} is the plugin cannot be told`,
    why,
    `Export one called ${wanted}, or only one.`,
    { needle: name },
  );
}

/** What the function throws, with the place of the entry. */
function refusals(error: unknown, { name, path }: PluginEntry): readonly ConfigProblem[] {
  if (ConfigError.is(error)) {
    return error.problems.map((problem) => {
      const inside = problem.path[0] === "plugins" ? problem.path.slice(1) : problem.path;
      return problem.file === undefined ? { ...problem, path: [...path, ...inside] } : problem;
    });
  }
  const what = `${functionName(name)} failed with these options`;
  const why =
    error instanceof Error ? `${error.name}: ${error.message.split("\n", 1)[0]}` : `It threw ${String(error)}.`;
  return [
    { ...invalid(path, what, why, "Correct the options of the plugin.", { needle: name }), code: "config_failed" },
  ];
}
