/** Checks the providers of one plugin. */
import { type Path, describe, invalid } from "./check-values.ts";
import { nearest } from "./nearest.ts";
import type { ConfigProblem } from "./problem.ts";
import { isObject } from "./rules.ts";

/** Everything wrong with `providers` of a plugin; `owner` names it, `protocols` are the ids that exist. */
export function checkProviders(
  providers: unknown,
  path: Path,
  owner: string,
  protocols: readonly string[],
): ConfigProblem[] {
  if (providers === undefined) return [];
  if (!Array.isArray(providers)) {
    return [
      invalid(
        path,
        `providers of ${owner} must be a list`,
        `It is ${describe(providers)}.`,
        "Write [defineProvider({ … })].",
      ),
    ];
  }
  return providers.flatMap((provider: unknown, index): ConfigProblem[] => {
    const here = [...path, index];
    const name = isObject(provider) ? provider["name"] : undefined;
    if (!isObject(provider) || typeof name !== "string" || !/^[\w.-]+$/.test(name)) {
      const why = isObject(provider) ? `Its name is ${describe(name)}.` : `It is ${describe(provider)}.`;
      return [
        invalid(here, `A provider of ${owner} has no usable name`, why, "Use letters, digits, _ and - in its name."),
      ];
    }
    const problems: ConfigProblem[] = [];
    const { protocol, models } = provider;
    if (typeof protocol !== "function" && !(typeof protocol === "string" && protocols.includes(protocol))) {
      const near = typeof protocol === "string" ? nearest(protocol, protocols) : undefined;
      const why = `Its protocol is ${describe(protocol)}. Known: ${protocols.join(", ")}.`;
      const fix =
        near === undefined
          ? "Choose a known protocol, or add the plugin that brings it."
          : `Write ${JSON.stringify(near)}.`;
      const more = typeof protocol === "string" ? { needle: protocol } : {};
      problems.push(
        invalid(
          [...here, "protocol"],
          `The provider ${JSON.stringify(name)} speaks an unknown protocol`,
          why,
          fix,
          more,
        ),
      );
    }
    if (!Array.isArray(models) || !models.every((model) => typeof model === "string" && model !== "")) {
      problems.push(
        invalid(
          [...here, "models"],
          `models of the provider ${JSON.stringify(name)} must be a list of texts`,
          `It is ${describe(models)}${Array.isArray(models) ? " with something else in it" : ""}.`,
          'Write ["model-a", "model-b"], or [].',
        ),
      );
    }
    if (typeof provider["prepare"] !== "function") {
      problems.push(
        invalid(
          [...here, "prepare"],
          `The provider ${JSON.stringify(name)} has no prepare`,
          `It is ${describe(provider["prepare"])}.`,
          "Write a prepare function.",
        ),
      );
    }
    return problems;
  });
}
