/** What a tool that has failed says where a result has no mark for it: its words have to. */
import type { Part } from "./canonical.ts";

export function saysFailed(content: readonly Part[]): readonly Part[] {
  const [first, ...others] = content;
  if (first?.type !== "text") return [{ type: "text", text: "Error" }, ...content];
  return /^\W*error/i.test(first.text) ? content : [{ ...first, text: `Error: ${first.text}` }, ...others];
}
