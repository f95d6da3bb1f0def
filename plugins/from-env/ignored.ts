/** Whether a variable is one that changes nothing, for a reason that the docs have. */
import { variableGroups } from "./variables/all.ts";
import { patternOf } from "./variables/row.ts";

export function isIgnored(name: string): boolean {
  return variableGroups.some(({ variables }) =>
    variables.some((variable) => variable.ignored !== undefined && patternOf(variable).test(name)),
  );
}
