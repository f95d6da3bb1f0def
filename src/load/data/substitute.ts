/** Puts variables of the environment into the texts of a config: `${NAME}`, `${NAME:-default}`, `$${` for `${` itself. */
import { type Path, invalid } from "../../config/check-values.ts";
import { nearest } from "../../config/nearest.ts";
import type { ConfigProblem } from "../../config/problem.ts";
import { isObject } from "../../config/rules.ts";
import type { Environment } from "../env-file.ts";

export interface Substituted {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** True where a text came from a variable, so that it may stand for a number. */
  isFromVariable(path: Path): boolean;
}

const pattern = /\$\$(?=\{)|\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g;

/** A copy with all variables replaced. An empty variable takes its default, if it has one. */
export function substitute(value: unknown, env: Environment): Substituted {
  const problems: ConfigProblem[] = [];
  const touched = new Set<string>();

  const replace = (text: string, path: Path): string => {
    return text.replace(pattern, (match, name: string | undefined, standard: string | undefined) => {
      if (match === "$$") return "$";
      if (name === undefined) {
        const what = "A variable cannot be read";
        const why = "It begins with ${ and is not like ${NAME} or ${NAME:-default}.";
        problems.push(invalid(shownPath(path), what, why, "Close it with }, or write $${ for the text itself."));
        return match;
      }
      touched.add(JSON.stringify(path));
      const found = env[name] === "" ? (standard ?? "") : (env[name] ?? standard);
      if (found === undefined) problems.push(missing(name, path, env));
      return found ?? "";
    });
  };
  const walk = (inner: unknown, path: Path): unknown => {
    if (typeof inner === "string") return inner.includes("${") ? replace(inner, path) : inner;
    if (Array.isArray(inner)) return inner.map((each, index) => walk(each, [...path, index]));
    if (!isObject(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, each]) => [key, walk(each, [...path, key])]));
  };
  return { value: walk(value, []), problems, isFromVariable: (path) => touched.has(JSON.stringify(path)) };
}

/** Where a problem is said to be: options stand behind the plugin's name in the file, and are an argument in a program. */
export function shownPath(path: Path): Path {
  return path[0] === "plugins" && typeof path[2] === "number" ? [...path.slice(0, 2), ...path.slice(3)] : path;
}

function missing(name: string, path: Path, env: Environment): ConfigProblem {
  const near = nearest(name, Object.keys(env));
  const fix = near === undefined ? `Add ${name}=… to .env` : `Write \${${near}}, or add ${name}=… to .env`;
  return invalid(
    shownPath(path),
    `The variable ${name} is not set`,
    "Neither the environment nor the .env beside the config has it.",
    `${fix}, or give a default: \${${name}:-default}`,
  );
}
