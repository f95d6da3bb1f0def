import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { folders, schemaText } from "../../scripts/schema.build.ts";
import { pluginArguments } from "../../scripts/schema.plugins.ts";
import { defaults } from "../../src/config/defaults.ts";
import { topLevelKeys } from "../../src/config/rules.ts";
import { argumentsOf, configSchema, fit } from "../../src/load/data/options.ts";

const plain = { isFromVariable: () => false };

test("schema.json is what npm run schema writes", () => {
  const written = readFileSync(new URL("../../schema.json", import.meta.url), "utf8");
  // Not `toBe`, whose report of a difference would be as long as the file.
  expect(JSON.parse(written)).toMatchObject({ title: "waygate config" });
  if (written !== schemaText()) expect.fail("schema.json is not as the sources are. Run: npm run schema");
});

test("the schema has every key of a config with its description and its default", () => {
  const properties = configSchema().properties ?? {};
  // A store is no data; a data file lists the plugin that brings one.
  const keys = topLevelKeys.filter((key) => key !== "state");
  expect(Object.keys(properties).toSorted()).toEqual(["$schema", ...keys].toSorted());
  const { server, timeouts } = properties;
  expect(server?.properties?.["port"]).toMatchObject({
    type: "integer",
    default: defaults.server.port,
    maximum: 65_535,
  });
  expect(timeouts?.properties?.["idle"]?.default).toBe(defaults.timeouts.idle);
  expect(keys.filter((key) => !properties[key]?.description)).toEqual([]);
});

test("every plugin that ships is in the schema, and only those", () => {
  expect(Object.keys(pluginArguments).filter((folder) => !folders.includes(folder))).toEqual([]);
  expect(folders.filter((folder) => argumentsOf(`waygate/plugins/${folder}`) === undefined)).toEqual([]);
  expect(argumentsOf("waygate-plugin-x")).toBeUndefined();
});

/** A library for other plugins. */
const libraries = ["oauth"];

test.each(folders.filter((folder) => !libraries.includes(folder)))(
  "the function of %s goes by the name that a data file finds it by",
  async (folder) => {
    const { pluginFunction } = await import("../../src/load/data/names.ts");
    const module = (await import(`../../plugins/${folder}/index.ts`)) as { [name: string]: unknown };
    expect(pluginFunction(module, `waygate/plugins/${folder}`)).toBeTypeOf("function");
  },
);

test("a config with everything in its place passes the schema", () => {
  const config = {
    plugins: [
      "waygate/plugins/echo",
      [
        "waygate/plugins/openai",
        { keys: ["a", { value: "b", priority: 1, limits: { rpm: 3 } }], timeouts: { idle: 5 } },
      ],
      ["waygate/plugins/tiers", [["a"], ["b", "c"]], { pin: true }],
      ["./own.ts", 1, 2, 3],
      false,
    ],
    models: { a: "b/c", d: ["e/f"] },
    server: { cors: false, trustProxy: 2 },
  };
  expect(fit(config, configSchema(), [], plain).problems).toEqual([]);
});

test("a config with mistakes does not pass it", () => {
  const wrong = (config: object): number => fit({ plugins: [], ...config }, configSchema(), [], plain).problems.length;
  expect(wrong({ server: { port: "80" } })).toBe(1);
  expect(wrong({ serve: {} })).toBe(1);
  expect(wrong({ plugins: [["waygate/plugins/openai", { keys: 5 }]] })).toBeGreaterThan(0);
  expect(wrong({ log: { level: "loud" } })).toBe(1);
});
