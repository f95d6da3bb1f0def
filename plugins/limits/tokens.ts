/** How many tokens a request will use, guessed before it is sent, and what it has used, as far as that can be believed. */
import { type Context, defineSlot, type JsonObject, type Usage } from "waygate";

/** Characters per token. An exact count costs milliseconds, and providers do not count alike anyway. */
const PER_TOKEN = 4;
/** A picture of 1024 pixels (OpenAI vision guide); other media are taken for as much. */
const PER_MEDIA = 765;
/** Characters from which on a text within `data` is taken for encoded media. */
const MEDIA = 1000;
/** More than any request uses: what an upstream counts beyond is a mistake that must not close a key for days. */
const MOST = 10_000_000;

const known = defineSlot<number>("limits.tokens");

/** `answer`: tokens the answer is taken for, unless the request allows fewer. Counted once per request. */
export function guess(ctx: Context, answer: number): number {
  const found = ctx.get(known);
  if (found !== undefined) return found;
  const { operation, body } = ctx;
  const answers = operation === "generate" ? Math.min(answer, allowed(body.json) ?? answer) : 0;
  const tokens = Math.ceil(characters(body.text) / PER_TOKEN) + answers;
  ctx.set(known, tokens);
  return tokens;
}

/** What a text of JSON costs as if it were words, with encoded media at their own price. */
function characters(text: string): number {
  if (text.length < MEDIA) return text.length;
  let count = text.length;
  for (const mark of [";base64,", '"data"']) {
    for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at)) {
      const from = mark === '"data"' ? text.indexOf('"', at + mark.length) + 1 : at + mark.length;
      const to = from === 0 ? -1 : text.indexOf('"', from);
      if (to === -1) break;
      if (to - from >= MEDIA) count -= to - from - PER_MEDIA * PER_TOKEN;
      at = to;
    }
  }
  return Math.max(0, count);
}

/** The longest answer the request allows, in the words of the four protocols. */
function allowed(json: JsonObject): number | undefined {
  const config = json["generationConfig"] as JsonObject | null | undefined;
  const limits = [
    json["max_completion_tokens"],
    json["max_tokens"],
    json["max_output_tokens"],
    typeof config === "object" ? config?.["maxOutputTokens"] : undefined,
  ];
  return limits.find((limit): limit is number => typeof limit === "number" && limit >= 0);
}

/** Tokens in and out; `undefined` where the upstream said nothing that can be true. */
export function total(usage: Usage | undefined): number | undefined {
  const counts = [usage?.input, usage?.output].filter(
    (count): count is number => typeof count === "number" && Number.isFinite(count) && count >= 0,
  );
  return counts.length === 0 ? undefined : Math.min(MOST, Math.ceil(counts.reduce((sum, count) => sum + count, 0)));
}
