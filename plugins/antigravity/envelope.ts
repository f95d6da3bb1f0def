/** What stands around a request. Source: the service's own client, as several open-source clients describe it. */
import type { Body, JsonObject } from "waygate";
import { enveloped, firstWords, hexDigits, type RequestParts, sessionNumber } from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";
import { factsOf } from "./models.ts";

/** `credits`: what has been bought beside the plan may be used. */
export function envelopeWith(credits: boolean): (parts: RequestParts) => Body {
  const paid: JsonObject = credits ? { enabledCreditTypes: ["GOOGLE_ONE_AI"] } : {};
  return (parts) => envelope(parts, paid);
}

function envelope({ body, model, project, attempt }: RequestParts, paid: JsonObject): Body {
  const { runtime } = attempt.ctx.app;
  const type = requestType(body, model);
  const uuid = randomUuid(runtime.random);
  const requestId = type === "image_gen" ? `image_gen/${runtime.clock.now()}/${uuid}/12` : `agent-${uuid}`;
  const words = firstWords(body);
  const sessionId = words === undefined ? `-${randomNumber(runtime.random)}` : sessionNumber(words);
  return enveloped({ project, model, userAgent: "antigravity", requestType: type, requestId, ...paid }, body, {
    sessionId,
  });
}

function requestType({ json }: Body, model: string): string {
  if (factsOf(model).image) return "image_gen";
  const { tools } = json;
  const search = Array.isArray(tools) && tools.some((each: JsonObject) => isObject(each) && "googleSearch" in each);
  return search ? "web_search" : "agent";
}

function randomUuid(random: () => number): string {
  const hex = hexDigits(32, random);
  const variant = "89ab"[Math.floor(random() * 4)] ?? "8";
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join(
    "-",
  );
}

/** Of 63 bits. */
function randomNumber(random: () => number): string {
  return String(BigInt(`0x${hexDigits(16, random)}`) & 0x7fff_ffff_ffff_ffffn);
}
