import { readdirSync, readFileSync } from "node:fs";
import type { JsonObject } from "../../../src/protocols/canonical.ts";
import type { BodyFixture, RequestFixture, StreamFixture } from "../../../src/testing/test-protocol.ts";

const folder = new URL("../../fixtures/openai-chat/", import.meta.url);

function files(ending: string): { name: string; text: string }[] {
  const names = readdirSync(folder).filter((file) => file.endsWith(ending));
  return names.map((file) => ({
    name: file.slice(0, -ending.length),
    text: readFileSync(new URL(file, folder), "utf8"),
  }));
}

const json = (text: string): JsonObject => JSON.parse(text) as JsonObject;

export const requests: readonly RequestFixture[] = files(".request.json").map(({ name, text }) => ({
  name,
  body: json(text),
}));
export const bodies: readonly BodyFixture[] = files(".response.json").map(({ name, text }) => ({
  name,
  body: json(text),
}));
export const streams: readonly StreamFixture[] = files(".sse").map(({ name, text }) => {
  const twin = bodies.find((body) => body.name === name)?.body;
  return { name, text, ...(twin && { twin }), broken: name.endsWith(".broken") };
});
