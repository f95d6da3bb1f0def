/**
 * Requests and answers of one protocol, from `test/fixtures/<id>/`: `<case>.request.json` (the body, or path and body
 * where the protocol says a part in the path), `<case>.response.json`, `<case>.sse` and, for a stream that breaks off,
 * `<case>.broken.sse`. A stream and a response of one name are the same answer.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Json, JsonObject } from "../../src/protocols/canonical.ts";
import { isObject } from "../../src/protocols/json.ts";
import { shippedProtocols } from "../../src/protocols/shipped.ts";
import type { BodyFixture, RequestFixture, StreamFixture } from "../../src/testing/test-protocol.ts";

export interface Fixtures {
  readonly requests: readonly RequestFixture[];
  readonly streams: readonly StreamFixture[];
  readonly bodies: readonly BodyFixture[];
}

/** Empty lists for a protocol without a folder. */
export function fixturesOf(protocol: string): Fixtures {
  const folder = new URL(`../fixtures/${protocol}/`, import.meta.url);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const files = (ending: string): { name: string; text: string }[] =>
    names
      .filter((file) => file.endsWith(ending))
      .map((file) => ({ name: file.slice(0, -ending.length), text: readFileSync(new URL(file, folder), "utf8") }));
  const bodies = files(".response.json").map(({ name, text }) => ({ name, body: json(text) }));
  return {
    requests: files(".request.json").map(({ name, text }) => requestOf(protocol, name, json(text))),
    bodies,
    streams: files(".sse").map(({ name, text }) => {
      const twin = bodies.find((body) => body.name === name)?.body;
      return { name, text, ...(twin && { twin }), broken: name.endsWith(".broken") };
    }),
  };
}

/** `path` is a whole one, or what `**` stands for in the protocol's first route. */
function requestOf(protocol: string, name: string, written: JsonObject): RequestFixture {
  const { path, body } = written;
  if (typeof path !== "string" || !isObject(body)) return { name, body: written };
  const [route = ""] = Object.keys(shippedProtocols.find(({ id }) => id === protocol)?.routes ?? {});
  const whole = path.startsWith("/") ? path : route.slice(route.indexOf(" ") + 1).replace("**", path);
  return { name, body, request: new Request(`http://localhost${whole}`, { method: "POST" }) };
}

function json(text: string): JsonObject {
  const value = JSON.parse(text) as Json;
  if (!isObject(value)) throw new Error(`a fixture is no JSON object: ${text.slice(0, 60)}`);
  return value;
}
