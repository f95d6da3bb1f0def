/** What Gemini CLI's requests are: envelope, defaults, and what accounts refuse (gemini-cli, `code_assist/converter.ts`). */
import { type Attempt, type Body, type JsonObject, ProxyError, withField, withoutField } from "waygate";
import {
  enveloped,
  firstWords,
  hexDigits,
  type RequestParts,
  sessionUuid,
  withJoinedTurns,
} from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";
import { thinkingOf } from "waygate/protocols/gemini";

export interface RequestDefaults {
  /** Sent when the client states none. `false`: none. Default: no filter that can be switched off. */
  readonly safetySettings?: readonly JsonObject[] | false;
  /** Fields of `generationConfig` for clients that state none. Default: `{ temperature: 1 }`. */
  readonly generationConfig?: JsonObject;
  /** True: models that think show their thoughts and think as much as they see fit, unless the client says otherwise. Default true. */
  readonly thoughts?: boolean;
}

const off = ["HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT"];

export const usualSafety: readonly JsonObject[] = [
  ...off.map((category) => ({ category: `HARM_CATEGORY_${category}`, threshold: "OFF" })),
  { category: "HARM_CATEGORY_CIVIC_INTEGRITY", threshold: "BLOCK_NONE" },
];

/** Safety settings are put in with the envelope, for which the text of the request is not made anew. */
export function envelopeWith({ safetySettings = usualSafety }: RequestDefaults): (parts: RequestParts) => Body {
  return ({ body, model, project, attempt }) => {
    const { random } = attempt.ctx.app.runtime;
    const session = sessionUuid(firstWords(body) ?? attempt.ctx.id);
    const isStated = body.json["safetySettings"] ?? body.json["safety_settings"];
    return enveloped({ model, project, user_prompt_id: hexDigits(14, random) }, body, {
      session_id: session,
      ...(safetySettings && isStated === undefined && { safetySettings }),
    });
  };
}

/** Fields that name what only API keys have, or the model, which stands in the envelope. */
const foreign = ["model", "store", "serviceTier", "service_tier"];
/** Several of the models refuse them, except for the value that changes nothing. */
const refused = { presencePenalty: 0, frequencyPenalty: 0, candidateCount: 1 };

export type Adapt = (body: Body, parts: { readonly model: string; readonly attempt: Attempt }) => Body;

export function adaptWith({ generationConfig = { temperature: 1 }, thoughts = true }: RequestDefaults): Adapt {
  return (given, { model, attempt }) => {
    if (given.json["cachedContent"] ?? given.json["cached_content"]) throw noCache(attempt);
    const body = foreign.reduce((each, name) => withoutField(each, [name]), withJoinedTurns(given));
    const { name, value } = configOf(body.json);
    const asked = Object.entries(value).filter(([key, item]) => {
      if (!Object.hasOwn(refused, key)) return true;
      const isUsual = item === refused[key as keyof typeof refused];
      if (!isUsual) attempt.lose({ what: `${key}, which models behind accounts refuse`, where: key });
      return false;
    });
    const hasThinking = value["thinkingConfig"] ?? value["thinking_config"];
    const thinkingConfig = thoughts && hasThinking === undefined ? usualThinking(model) : undefined;
    const config = { ...generationConfig, ...Object.fromEntries(asked), ...(thinkingConfig && { thinkingConfig }) };
    return same(config, value) ? body : withField(body, [name], config);
  };
}

/** `undefined` for models that refuse the field. */
function usualThinking(model: string): JsonObject | undefined {
  const { by } = thinkingOf(model);
  if (by === "none") return undefined;
  return by === "level"
    ? { includeThoughts: true, thinkingLevel: "high" }
    : { includeThoughts: true, thinkingBudget: -1 };
}

function configOf(json: JsonObject): { readonly name: string; readonly value: JsonObject } {
  const name = json["generation_config"] === undefined ? "generationConfig" : "generation_config";
  const value = json[name];
  return { name, value: isObject(value) ? value : {} };
}

function noCache({ provider }: Attempt): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    code: "unsupported_feature",
    param: "cachedContent",
    message: `${provider.name} has no explicit caches, which come with API keys only: leave cachedContent out, or ask the gemini provider.`,
  });
}

function same(one: JsonObject, other: JsonObject): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
