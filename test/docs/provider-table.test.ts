/** The tables of docs/providers.md, held against the plugins themselves. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { environmentPrefix, type KeyInput, type Plugin, type Wire } from "waygate";
import { g4f } from "waygate/plugins/g4f";
import { answer, createTestProxy, scripted, virtualClock, virtualTransport } from "waygate/testing";
import { root } from "../package/source.ts";
import { fakeApp } from "../plugins/_fakes.ts";
import { readPage, rowsOf, sectionsOf } from "./_pages.ts";

const sections = sectionsOf(readPage("docs/providers.md"));
const variablesIn = (cell: string): readonly string[] => cell.match(/\b[A-Z\d]+(?:_[A-Z\d]+)+\b/g) ?? [];

interface Row {
  readonly path: string;
  readonly name: string;
  readonly ids: readonly string[];
  readonly keys: string;
  readonly address: string;
  readonly tier: string;
}

const rows = rowsOf(sections["All of them"]!).map(
  ([path = "", name = "", ids = "", keys = "", address = "", tier = ""]): Row => ({
    path,
    name,
    ids: ids.split(", "),
    keys,
    address,
    tier,
  }),
);
const table = rows.map((row): [string, Row] => [row.name, row]);
const sourceOf = (folder: string): string => readFileSync(join(root, "plugins", folder, "index.ts"), "utf8");

/** Makes the plugin of a row with what its function needs at least. */
async function makerOf({ path, name }: Row): Promise<() => Plugin> {
  const folder = path.replace("waygate/plugins/", "");
  const entry = (await import(`../../plugins/${folder}/index.ts`)) as {
    readonly [name: string]: ((options?: object) => Plugin) | undefined;
  };
  const make = entry[name];
  if (!make) throw new Error(`${path} exports no ${name}.`);
  return name === "openaiCompatible"
    ? () => make({ name: "yours", defaultBaseURL: "http://127.0.0.1:1/v1" })
    : () => make();
}

/** The keys of every provider of a plugin, read from the environment as it is now. */
async function keysOf(plugin: Plugin): Promise<readonly string[]> {
  const app = fakeApp({ providers: plugin.providers! });
  await plugin.setup?.(app);
  const found = plugin.providers!.flatMap(({ name }) => app.credentials.list(name));
  return found.map(({ data }) => (data as { key: string }).key).filter((key) => key !== "");
}

describe("the table of providers", () => {
  it("has every plugin that brings one, once", () => {
    const folders = readdirSync(join(root, "plugins"));
    const bringing = folders.filter(
      (folder) =>
        folder === "openai-compatible" ||
        /\b(?:providerFunction|openaiCompatible|defineProvider)\b/.test(sourceOf(folder)),
    );
    expect(rows.map(({ path }) => path).sort()).toEqual(bringing.map((folder) => `waygate/plugins/${folder}`).sort());
  });

  it.each(table)("%s has the ids and the tier that stand there", async (_name, row) => {
    const { providers = [] } = (await makerOf(row))();
    expect(providers.map(({ name }) => name)).toEqual(row.ids);
    for (const { tier, keyless = false } of providers) {
      expect(String(tier ?? 3)).toBe(row.tier);
      expect(row.keys.includes("none needed")).toBe(keyless);
    }
  });

  it.each(table)("%s takes its keys from the variables named, the first that holds one", async (_name, row) => {
    const make = await makerOf(row);
    const named = row.name === "openaiCompatible" ? ["YOURS_API_KEY"] : variablesIn(row.keys);
    for (const variable of named) vi.stubEnv(variable, "");
    expect(await keysOf(make())).toEqual([]);
    // From the last to the first, so that each has to win over those set before.
    for (const variable of named.toReversed()) {
      vi.stubEnv(variable, `from-${variable}`);
      expect(new Set(await keysOf(make()))).toEqual(new Set([`from-${variable}`]));
    }
    const others = /keyVariables: \[(.*)\]/.exec(sourceOf(row.path.replace("waygate/plugins/", "")))?.[1] ?? "";
    expect(named).toEqual(expect.arrayContaining([...variablesIn(others)]));
  });

  it.each(table.filter(([name]) => name !== "echo"))(
    "%s takes its address from the variable named",
    async (_name, row) => {
      const make = await makerOf(row);
      const [variable = ""] = row.name === "openaiCompatible" ? ["YOURS_API_BASE"] : variablesIn(row.address);
      expect(make).not.toThrow();
      vi.stubEnv(variable, "no address");
      expect(make).toThrow(variable);
    },
  );
});

it("the page names every field that a key may have", () => {
  const fields: { readonly [Field in keyof Exclude<KeyInput, string>]-?: true } = {
    value: true,
    label: true,
    priority: true,
    weight: true,
    concurrency: true,
    limits: true,
    organization: true,
    project: true,
    proxy: true,
  };
  expect(/\{ (value, .*) \}/.exec(sections["All of them"]!)?.[1]?.split(", ")).toEqual(Object.keys(fields));
});

describe("the table of g4f", () => {
  const endpoints = rowsOf(sections["g4f"]!);

  it("has its ids and their addresses", async () => {
    const asked: string[] = [];
    const clock = virtualClock();
    const answering = scripted(answer());
    const transport = virtualTransport((wire: Wire, call) => (asked.push(wire.url), answering(wire, call)), { clock });
    await using proxy = await createTestProxy({ plugins: [g4f({ discover: false })], runtime: { clock, transport } });
    for (const { name } of proxy.app.providers) await proxy.chat({ model: `${name}/m` });
    expect(endpoints.map(([id, address]) => [id, `${address}/chat/completions`])).toEqual(
      proxy.app.providers.map(({ name }, index) => [name, asked[index]]),
    );
  });

  it.each(endpoints.map(([id = "", , variable = ""]) => [id, variable]))("%s can be moved with %s", (id, variable) => {
    expect(variable).toBe(`${environmentPrefix(id)}_API_BASE`);
    vi.stubEnv(variable, "no address");
    expect(() => g4f()).toThrow(variable);
  });
});
