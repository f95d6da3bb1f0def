/** Tools that a conversation has called and that the request does not bring any more; Groq refuses such a history. */
import { type Body, type Json, withEachField, withField } from "waygate";
import { isObject, messagesIn } from "waygate/plugins/openai-compatible";

/** Also what tells these tools from the client's own. */
const description = "Was used earlier in this conversation. It is not available any more.";

/** The body itself when every tool of the history is in its list. */
export function withHistoryTools(body: Body): Body {
  const { tools } = body.json;
  const own: readonly Json[] = Array.isArray(tools) ? tools : [];
  const known = new Set(own.map(nameOf));
  const missing = new Set(calledIn(body).filter((name) => !known.has(name)));
  if (missing.size === 0) return body;
  const added = Array.from(missing, (name) => ({
    type: "function",
    function: { name, description, parameters: { type: "object" } },
  }));
  // Whoever offers no tools wants no calls.
  if (own.length === 0) return withField(withField(body, ["tools"], added), ["tool_choice"], "none");
  let at = 0;
  const more = added.map((tool) => `,${JSON.stringify(tool)}`).join("");
  return withEachField(body, ["tools", "*"], (text) => (++at === own.length ? text + more : text));
}

/** Names of the tools that the client itself offers with this request. */
export function ownTools({ json: { tools } }: Body): ReadonlySet<string> {
  const list: readonly Json[] = Array.isArray(tools) ? tools : [];
  const own = list.filter((tool) => functionOf(tool)?.["description"] !== description);
  return new Set(own.flatMap((tool) => nameOf(tool) ?? []));
}

function calledIn({ json }: Body): readonly string[] {
  return messagesIn(json).flatMap(({ tool_calls: calls }) =>
    Array.isArray(calls) ? calls.flatMap((call: Json) => nameOf(call) ?? []) : [],
  );
}

function nameOf(holder: Json): string | undefined {
  const name = functionOf(holder)?.["name"];
  return typeof name === "string" && name !== "" ? name : undefined;
}

function functionOf(holder: Json): { readonly [key: string]: Json } | undefined {
  const described = isObject(holder) ? holder["function"] : undefined;
  return isObject(described) ? described : undefined;
}
