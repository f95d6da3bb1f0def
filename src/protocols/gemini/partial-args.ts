/**
 * Arguments of a function that come in pieces, each with the JSON path it belongs to. Source: Gemini API reference,
 * `PartialArg`.
 */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isNumber, isObject } from "./values.ts";

export interface PartialArgs {
  add(pieces: Json | undefined): void;
  /** What has come so far. */
  value(): JsonObject;
}

type Slot = { [key: string]: unknown } | unknown[];

export function createPartialArgs(begin: JsonObject): PartialArgs {
  const root = structuredClone(begin) as { [key: string]: unknown };
  /** Paths of texts that go on with the next piece. */
  const growing = new Set<string>();
  return {
    add(pieces) {
      for (const piece of isArray(pieces) ? pieces : []) {
        if (!isObject(piece) || typeof piece["jsonPath"] !== "string") continue;
        const path = piece["jsonPath"];
        const steps = stepsOf(path);
        if (!steps) continue;
        const value = valueOf(piece);
        if (value !== undefined) put(root, steps, value, growing.has(path));
        if (piece["willContinue"] === true) growing.add(path);
        else growing.delete(path);
      }
    },
    value() {
      return root as JsonObject;
    },
  };
}

function valueOf(piece: JsonObject): Json | undefined {
  const { stringValue, numberValue, boolValue, nullValue } = piece;
  if (typeof stringValue === "string") return stringValue;
  if (isNumber(numberValue)) return numberValue;
  if (typeof boolValue === "boolean") return boolValue;
  return nullValue === undefined ? undefined : null;
}

type Step = string | number;

const step = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;

/** The steps of a JSON path (RFC 9535) that names one place; `undefined` for any other. */
function stepsOf(path: string): readonly Step[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: Step[] = [];
  step.lastIndex = 1;
  while (step.lastIndex < path.length) {
    const found = step.exec(path);
    if (!found) return undefined;
    const [, name, index, single, double] = found;
    const key = name ?? (single ?? double)?.replaceAll(/\\(.)/g, "$1");
    // A key with this name is the only one that would not become a field.
    if (key === "__proto__") return undefined;
    steps.push(key ?? Number(index));
  }
  return steps.length > 0 ? steps : undefined;
}

/** Lists grow by one: an index far behind the end would be a hole, and one huge number a huge list. */
function put(root: Slot, steps: readonly Step[], value: Json, grow: boolean): void {
  let at: Slot = root;
  for (const [depth, key] of steps.entries()) {
    if (Array.isArray(at) ? typeof key !== "number" || key > at.length : typeof key !== "string") return;
    const here = at as { [key: Step]: unknown };
    if (depth === steps.length - 1) {
      const before = here[key];
      here[key] = grow && typeof before === "string" && typeof value === "string" ? before + value : value;
      return;
    }
    const inner: unknown = Object.hasOwn(here, key) ? here[key] : undefined;
    if (typeof inner === "object" && inner !== null) at = inner as Slot;
    else if (inner !== undefined) return;
    else at = here[key] = typeof steps[depth + 1] === "number" ? [] : {};
  }
}
