/** Reads what steps look at from a request: who asks, for which model, and whether for a stream. */
import type { JsonObject } from "../protocols/canonical.ts";
import type { ScriptRequest } from "./script.ts";

type Facts = Pick<ScriptRequest, "index" | "method" | "path" | "headers" | "body" | "reused">;

/** The request with everything else derived from its facts; the body is parsed once, on first need. */
export function scriptRequest(facts: Facts): ScriptRequest {
  let json: JsonObject | undefined;
  const parse = (): JsonObject => (json ??= JSON.parse(facts.body) as JsonObject);
  const member = (name: string): unknown => {
    try {
      return parse()[name];
    } catch {
      // Not JSON, so it names nothing; whoever needs it to be JSON reads `json` and gets the SyntaxError.
      return undefined;
    }
  };
  return {
    ...facts,
    get json() {
      return parse();
    },
    key: keyOf(facts),
    get model() {
      const model = member("model");
      return typeof model === "string" ? model : undefined;
    },
    get stream() {
      return member("stream") === true;
    },
  };
}

function keyOf({ headers, path }: Facts): string | undefined {
  const bearer = /^bearer\s+(.*)$/i.exec(headers["authorization"] ?? "")?.[1];
  const query = new URLSearchParams(path.split("?")[1]).get("key");
  return bearer ?? headers["x-api-key"] ?? headers["x-goog-api-key"] ?? query ?? undefined;
}
