/** Checks the hooks of one plugin. */
import type { Hooks } from "../plugin/hooks.ts";
import { type Path, describe, invalid, setKeys, unknownKey } from "./check-values.ts";
import { nearest } from "./nearest.ts";
import type { ConfigProblem } from "./problem.ts";
import { isObject } from "./rules.ts";

/** A hook added to the types and not here does not compile. */
const hookNames = Object.keys({
  auth: 0,
  filter: 0,
  selectKey: 0,
  transform: 0,
  call: 0,
  fail: 0,
  event: 0,
  record: 0,
} satisfies Record<keyof Hooks, 0>);
const hookKeys = ["order", "when", "precedence", "spread", "seek", "favour", "handler"];
const precedences = ["drop", "tier", "affinity", "balance"];

/** Everything wrong with `hooks` of a plugin; `owner` names it. */
export function checkHooks(hooks: unknown, path: Path, owner: string): ConfigProblem[] {
  if (hooks === undefined) return [];
  if (!isObject(hooks))
    return [invalid(path, `hooks of ${owner} must be an object`, `It is ${describe(hooks)}.`, "Write { filter: … }.")];
  return setKeys(hooks).flatMap((key): ConfigProblem[] => {
    const here = [...path, key];
    if (!hookNames.includes(key)) {
      const near = nearest(key, hookNames);
      const why = `Nothing would call it. The hooks are ${hookNames.join(", ")}.`;
      const what = `Unknown hook ${JSON.stringify(key)} in ${owner}`;
      return [invalid(here, what, why, near === undefined ? "Remove it." : `Write ${near}.`, { needle: key })];
    }
    const hook = hooks[key];
    if (typeof hook === "function") return [];
    const name = `The hook ${key} of ${owner}`;
    if (!isObject(hook) || typeof hook["handler"] !== "function") {
      const why = isObject(hook) ? `Its handler is ${describe(hook["handler"])}.` : `It is ${describe(hook)}.`;
      return [invalid(here, `${name} is not a function`, why, "Write a function, or { handler: function }.")];
    }
    return checkHookObject(key, hook, here, name);
  });
}

function checkHookObject(
  key: string,
  hook: { readonly [key: string]: unknown },
  path: Path,
  name: string,
): ConfigProblem[] {
  const problems = setKeys(hook)
    .filter((inner) => !hookKeys.includes(inner))
    .map((inner) => unknownKey(inner, path, hookKeys, name.replace("The", "the")));
  function wants(inner: string, good: (value: unknown) => boolean, expected: string): void {
    const value = hook[inner];
    if (value === undefined || good(value)) return;
    const what = `${name}: ${inner} must be ${expected}`;
    const near = typeof value === "string" ? nearest(value, precedences) : undefined;
    const fix = inner === "precedence" && near ? `Write ${JSON.stringify(near)}.` : `Write ${expected}, or remove it.`;
    problems.push(invalid([...path, inner], what, `It is ${describe(value)}.`, fix));
  }
  wants("order", (value) => value === "pre" || value === "post", '"pre" or "post"');
  wants("when", (value) => typeof value === "function", "a function");
  wants("spread", (value) => typeof value === "boolean" || typeof value === "function", "true, false or a function");
  wants("seek", (value) => typeof value === "function", "a function");
  wants("favour", (value) => typeof value === "function", "a function");
  wants(
    "precedence",
    (value) => precedences.includes(String(value)),
    `one of ${precedences.map((word) => `"${word}"`).join(", ")}`,
  );
  if (key !== "selectKey" && hook["precedence"] !== undefined) {
    problems.push(
      invalid([...path, "precedence"], `${name} has a precedence`, "Only selectKey has one.", "Remove precedence."),
    );
  }
  return problems;
}
