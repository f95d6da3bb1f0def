/** Which requests have an answer that stands for the next one like them, and what makes two requests alike. */
import { hash } from "node:crypto";
import { type Context, type Json, type JsonObject, matchesGlob, type Principal } from "waygate";

/** Headers that change what an upstream or the proxy makes of the same body. */
const telling: readonly string[] = ["anthropic-beta", "anthropic-version", "openai-beta", "x-waygate-strict"];

/** Requests above this are not looked up: finding out what they are would cost more than most answers save. */
const LARGEST = 4 * 1024 * 1024;

export interface CacheRules {
  /** Also requests whose answer depends on chance. */
  readonly all: boolean;
  /** One client's answers are given to others too. */
  readonly shared: boolean;
}

/** What the client wants of a cache (RFC 9111, 5.2.1), as far as it applies here. */
export interface CacheWish {
  /** May be given a stored answer of at most this age, in milliseconds; 0 = none. */
  readonly maxAge: number;
  readonly store: boolean;
}

export function wishOf(headers: Headers): CacheWish {
  const text = headers.get("cache-control");
  if (text === null) return { maxAge: Number.POSITIVE_INFINITY, store: true };
  const words = text
    .toLowerCase()
    .split(",")
    .map((word) => word.trim());
  const store = !words.includes("no-store");
  if (!store || words.includes("no-cache")) return { maxAge: 0, store };
  const seconds = words.map((word) => /^max-age=(\d+)$/.exec(word)?.[1]).find((found) => found !== undefined);
  return { maxAge: seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000, store };
}

/** The key of a request whose answer may be kept, else `undefined`. */
export function keyOf(ctx: Context, { all, shared }: CacheRules): string | undefined {
  const { operation, principal, protocol, model, body, stream, req } = ctx;
  if (operation !== "generate" && operation !== "embed" && operation !== "embed-batch") return undefined;
  // Whether a caller may have a model at all is found out behind the cache.
  if (!mayUse(principal, model) || body.text.length > LARGEST) return undefined;
  if (operation === "generate" && !(isPlain(body.json, protocol.id) && (all || isDetermined(body.json))))
    return undefined;
  const who = shared ? "" : (principal?.id ?? "");
  const sent = telling.map((name) => req.headers.get(name) ?? "");
  // Gemini asks for a stream and its framing in the address.
  const { searchParams } = new URL(req.url);
  const asked = [who, protocol.id, operation, model, stream ? "s" : "", searchParams.get("alt") ?? "", ...sent];
  return hash("sha256", `${asked.map(encodeURIComponent).join(" ")}\n${body.text}`, "base64url");
}

function isDetermined(json: JsonObject): boolean {
  const { generationConfig, generation_config: written } = json;
  return [json, generationConfig, written].some(
    (each) => isObject(each) && (each["temperature"] === 0 || typeof each["seed"] === "number"),
  );
}

/** False where the answer depends on more than the request: on what tools find, or on answers an upstream keeps. */
function isPlain(json: JsonObject, protocol: string): boolean {
  if (json["previous_response_id"] || json["conversation"] || json["background"] === true) return false;
  // OpenAI API reference, Responses: answers are stored unless the request says otherwise.
  if (protocol === "openai-responses" ? json["store"] !== false : json["store"] === true) return false;
  if (json["web_search_options"] || json["mcp_servers"] || json["container"]) return false;
  const { tools } = json;
  if (tools === undefined || tools === null) return true;
  return (
    Array.isArray(tools) && (tools as readonly Json[]).every((tool) => isObject(tool) && isOfClient(tool, protocol))
  );
}

/** The client runs it, so that its result comes as a part of the next request. */
function isOfClient(tool: JsonObject, protocol: string): boolean {
  if (protocol === "gemini")
    return Object.keys(tool).every((key) => key === "functionDeclarations" || key === "function_declarations");
  return (
    tool["type"] === undefined || tool["type"] === null || tool["type"] === "function" || tool["type"] === "custom"
  );
}

function mayUse(principal: Principal | undefined, model: string): boolean {
  if (principal?.models === undefined) return true;
  const matches = matchesGlob(principal.models);
  return matches(model) || matches(model.slice(model.indexOf("/") + 1));
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
