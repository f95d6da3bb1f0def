/** All that a model would read of a request, as one text. */
import type { Context, Json, Part } from "waygate";

/**
 * Texts of the instructions and of all messages, results of tools included, with a line break between them. Reading does
 * not take the request off its way. Of what is only passed on: every text in its JSON; a form's fields are not seen.
 */
export function promptOf(ctx: Context): string {
  const found: string[] = [];
  if (ctx.operation === "forward") {
    for (const [field, value] of Object.entries(ctx.body.json)) if (field !== "model") collect(value, found);
  } else for (const { parts } of ctx.request.messages) for (const part of parts) add(part, found);
  return found.join("\n");
}

function add(part: Part, found: string[]): void {
  if (part.type === "text") found.push(part.text);
  else if (part.type === "tool-result") for (const inner of part.content) add(inner, found);
}

function collect(value: Json, found: string[]): void {
  if (typeof value === "string") {
    if (!value.startsWith("data:")) found.push(value);
  } else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) collect(inner, found);
}
