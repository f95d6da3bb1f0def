/** References within a schema, written out. What refers to itself, or too often to others, ends in a remark. */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isObject } from "./values.ts";

/** `leave` is to be called when the schema has been dealt with, what is inside it included; it closes later ones too. */
export type Resolve = (schema: Json | undefined) => { readonly schema: JsonObject; readonly leave: () => void };

/** References written out for one schema at most: nested ones multiply. */
const limit = 500;
/** Levels of a schema at most. */
const depthLimit = 64;

export function createResolver(root: JsonObject): Resolve {
  const open: string[] = ["#"];
  let written = 0;
  let depth = 0;
  return (given) => {
    const before = { open: open.length, depth };
    let schema = isObject(given) ? given : {};
    depth += 1;
    while (typeof schema["$ref"] === "string") {
      const { $ref: name, ...beside } = schema;
      const target = open.includes(name as string) || ++written > limit ? undefined : lookUp(root, name as string);
      if (!target) {
        schema = { type: "object", description: `See: ${String(name).split("/").at(-1)}`, ...beside };
        break;
      }
      open.push(name as string);
      schema = { ...target, ...beside };
    }
    if (depth > depthLimit) schema = { type: "object" };
    return {
      schema,
      leave() {
        open.length = before.open;
        depth = before.depth;
      },
    };
  };
}

/** What a JSON pointer of this document means; `undefined` for other documents. */
function lookUp(root: JsonObject, reference: string): JsonObject | undefined {
  if (!reference.startsWith("#")) return undefined;
  let at: Json | undefined = root;
  for (const step of reference.split("/").slice(1)) {
    const key = unescaped(step);
    if (isArray(at)) at = at[Number(key)];
    else at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return isObject(at) ? at : undefined;
}

function unescaped(step: string): string {
  const plain = step.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    // Not percent-encoded then.
    return plain;
  }
}
