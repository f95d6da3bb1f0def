/** Which providers the end of a variable's name means: `GEMINI_CLI_PRO` is the group `PRO` of `gemini_cli`. */
import { environmentPrefix } from "waygate";

export interface Named {
  readonly ids: readonly string[];
  /** What stands behind the provider and an underscore; empty when nothing does. */
  readonly rest: string;
}

/** The longest provider that fits; `undefined` when none does. `G4F` stands for all whose ids begin with `g4f_`. */
export type FindProvider = (tail: string) => Named | undefined;

export function providerFinder(ids: readonly string[]): FindProvider {
  const byPrefix = new Map<string, string[]>();
  const add = (prefix: string, id: string): void => void byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), id]);
  for (const id of ids) {
    add(environmentPrefix(id), id);
    if (/^g4f[_-]/i.test(id)) add("G4F", id);
  }
  const prefixes = [...byPrefix.keys()].sort((a, b) => b.length - a.length);
  return (tail) => {
    const prefix = prefixes.find((each) => tail === each || tail.startsWith(`${each}_`));
    return prefix === undefined ? undefined : { ids: byPrefix.get(prefix)!, rest: tail.slice(prefix.length + 1) };
  };
}
