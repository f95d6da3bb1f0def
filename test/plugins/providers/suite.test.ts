import { expect, test } from "vitest";
import { answer, testProvider } from "waygate/testing";
import { type Row, rows } from "./fakes/all.ts";

const headers = { "user-agent": "codex/1" };

test.each(rows.map((row): [string, Row] => [row.id, row]))("%s does what every provider must", async (_id, row) => {
  const { fake } = row;
  const { usageIn } = fake.answer ?? {};
  const run = testProvider({
    plugin: ({ baseURL, keys }) => row.plugin({ baseURL, keys, headers, discover: false }),
    model: row.model ?? "m",
    closedSchema: row.id === "mistral",
    answer: (text) => (request) => fake.refuses?.(request) ?? answer({ text, usageIn }),
  });
  await expect(run).resolves.toBeUndefined();
});

test("a stand-in refuses what its provider refuses, and two refuse nothing", () => {
  const lenient = rows.filter(({ fake }) => fake.refuses === undefined).map(({ id }) => id);
  expect(lenient).toEqual(["openrouter", "g4f_main"]);
});
