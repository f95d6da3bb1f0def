/** Requests of which the service has refused a part: they go once more without it. */
import { type Body, type Json, jsonBody, type JsonObject } from "waygate";
import type { Mend } from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";
import { claudeContents, contentsOf } from "./contents.ts";

/** Claude's signatures are refused when they are not its own, and thoughts when they are not where it wants them. */
export const withoutThinking: Mend = {
  refusal: /`signature` in|redacted_thinking|`thinking`.{0,10} block/i,
  mended({ json }, model) {
    const { generationConfig } = json;
    if (!/claude/i.test(model)) return undefined;
    const config = isObject(generationConfig) ? generationConfig : {};
    const { thinkingConfig, ...rest } = config;
    const contents = claudeContents(contentsOf(json["contents"]), false);
    if (thinkingConfig === undefined && JSON.stringify(contents) === JSON.stringify(json["contents"])) return undefined;
    return jsonBody({ ...json, contents, generationConfig: rest });
  },
};

/** `refused` is told, so that it is not sent again. */
export function withoutStrictness(refused: () => void): Mend {
  return {
    refusal: /additional_?[pP]roperties/,
    mended(body) {
      const { tools } = body.json;
      const open = opened(tools);
      if (open === undefined || JSON.stringify(open) === JSON.stringify(tools)) return undefined;
      refused();
      return withTools(body, open);
    },
  };
}

function withTools({ json }: Body, tools: Json): Body {
  return jsonBody({ ...json, tools });
}

/** A property of that name is a client's, and only a keyword has the value `false`. */
function opened(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => opened(each) ?? null);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, Json][] =>
    key === "additionalProperties" && inner === false ? [] : [[key, opened(inner) ?? null]],
  );
  return Object.fromEntries(entries) as JsonObject;
}
