/** Which calls of an answer are still to be run by the client. */
import type { JsonObject } from "../canonical.ts";
import { isObject, isText } from "./values.ts";

export interface OpenCalls {
  /** A block of the answer, as it begins. */
  see(block: JsonObject): void;
  any(): boolean;
}

/**
 * Code the API runs may call the client's tools ("Programmatic tool calling"): with the result of that code its calls
 * are done, and only shown once more.
 */
export function openCalls(): OpenCalls {
  const callers = new Set<string>();
  let direct = false;
  return {
    see({ type, caller, tool_use_id: answered }) {
      if (type === "tool_use") {
        const by = isObject(caller) ? caller["tool_id"] : undefined;
        if (isText(by)) callers.add(by);
        else direct = true;
      } else if (isText(answered)) callers.delete(answered);
    },
    any() {
      return direct || callers.size > 0;
    },
  };
}
