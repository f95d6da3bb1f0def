import { expect, test } from "vitest";
import { answer, testProvider } from "waygate/testing";
import { allRows, type Row } from "./fakes/all.ts";

const headers = { "user-agent": "codex/1" };

test.each(allRows.map((row): [string, Row] => [row.id, row]))("%s does what every provider must", async (_id, row) => {
  const { fake } = row;
  const { usageIn } = fake.answer ?? {};
  const run = testProvider({
    plugin: ({ baseURL, keys }) => row.plugin({ baseURL, keys, headers, discover: false }),
    model: row.model ?? "m",
    // What another protocol does not know is lost on the way to it.
    closedSchema: row.id === "mistral" || fake.says !== undefined,
    signed: row.signed,
    answer: (text) => (request) => fake.refuses?.(request) ?? fake.says?.(text) ?? answer({ text, usageIn }),
  });
  await expect(run).resolves.toBeUndefined();
});

test("a stand-in refuses what its provider refuses, and two refuse nothing", () => {
  const lenient = allRows.filter(({ fake }) => fake.refuses === undefined).map(({ id }) => id);
  expect(lenient).toEqual(["openrouter", "g4f_main"]);
});
