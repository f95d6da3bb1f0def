/** `countTokens`. Source: Gemini API reference, `models.countTokens`: contents alone, or a whole request. */
import { type Body, jsonBody } from "../../wire/body.ts";
import type { JsonObject } from "../canonical.ts";
import type { CountCodec } from "../types.ts";
import { retargetCount } from "./inspect.ts";
import { decodeJson, encodeJson } from "./request.ts";
import { camelCasedObject, maySnake } from "./spelling.ts";
import { resourceName, targetOf } from "./target.ts";
import { isNumber, isObject } from "./values.ts";

export const counting: CountCodec = {
  retarget: retargetCount,
  decodeRequest(body, request) {
    const json = maySnake(body.text) ? camelCasedObject(body.json) : body.json;
    const { generateContentRequest: asked } = json;
    return decodeJson(isObject(asked) ? asked : json, targetOf(request.url).model, false);
  },
  encodeRequest(request, lose): Body {
    const json = encodeJson(request, lose);
    return jsonBody({ generateContentRequest: { ...json, model: resourceName(request.model) } });
  },
  decodeAnswer(json: JsonObject) {
    const { totalTokens } = json;
    return isNumber(totalTokens) ? totalTokens : undefined;
  },
  encodeAnswer: (tokens) => ({ totalTokens: tokens }),
};
