import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AnyConfig, PluginInput } from "../../src/config/types.ts";
import { expandConfig } from "../../src/config/expand.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { ExpandHost, Plugin } from "../../src/plugin/app.ts";
import { flattenPlugins } from "../../src/plugin/flatten.ts";

const plugin = (name: string, more: Partial<Plugin> = {}): Plugin => ({ name, ...more });
const expand = (plugins: readonly PluginInput[], more: Partial<AnyConfig> = {}): AnyConfig =>
  expandConfig({ ...more, plugins }, "/srv/proxy");
const namesOf = ({ plugins }: AnyConfig): readonly string[] => flattenPlugins(plugins).map(({ name }) => name);

describe("a plugin that brings others", () => {
  test("is replaced by them where it stands, and told what else there is and where", () => {
    const hosts: ExpandHost[] = [];
    const bringing = plugin("bringing", {
      expand(host) {
        hosts.push(host);
        return [plugin("b"), plugin("c")];
      },
    });
    const before = plugin("a");
    const after = plugin("d", { yields: true });
    const config = expand([before, false, [bringing], after], { dataDir: "kept" });
    expect(namesOf(config)).toEqual(["a", "b", "c", "d"]);
    expect(config.plugins[1]).toBe(false);
    expect(hosts).toEqual([{ listed: [before, after], root: "/srv/proxy", dataDir: join("/srv/proxy", "kept") }]);
    expect(namesOf(expandConfig(config))).toEqual(["a", "b", "c", "d"]);
  });

  test("brings aliases' providers, and what is wrong with what it brings is told", () => {
    const lab = { name: "lab", protocol: "openai-chat", models: [], prepare: (wire: never) => wire };
    const bringing = plugin("bringing", { expand: () => [plugin("lab", { providers: [lab] })] });
    const { config } = resolveConfig({ plugins: [bringing], models: { smart: "lab/m" } });
    expect(config.plugins.map(({ name }) => name)).toEqual(["lab"]);
    const wrong = plugin("wrong", { expand: () => [plugin("lab"), plugin("lab")] });
    expect(() => resolveConfig({ plugins: [wrong] })).toThrow('The plugin "lab" is there twice');
  });
});

describe("a plugin that yields", () => {
  test("steps back for one of its name, in whatever order they stand", () => {
    const own = plugin("rotate");
    const usual = plugin("rotate", { yields: true });
    expect(flattenPlugins(expand([own, usual]).plugins)).toEqual([own]);
    expect(flattenPlugins(expand([[usual], own]).plugins)).toEqual([own]);
    expect(flattenPlugins(expand([usual]).plugins)).toEqual([usual]);
  });

  test("steps back for one that another plugin brings", () => {
    const brought = plugin("rotate");
    const config = expand([plugin("rotate", { yields: true }), plugin("bringing", { expand: () => [brought] })]);
    expect(flattenPlugins(config.plugins)).toEqual([brought]);
  });

  test("two that do not are an error, and so are two that both do", () => {
    expect(() => resolveConfig({ plugins: [plugin("a"), plugin("a")] })).toThrow("there twice");
    const usual = plugin("a", { yields: true });
    expect(() => resolveConfig({ plugins: [usual, { ...usual }] })).toThrow("there twice");
  });
});

describe("settings of plugins", () => {
  test("fill what the config leaves open; the first plugin counts, then the defaults", () => {
    const first = plugin("a", { settings: { retry: { deadline: 1, attempts: 2 } } });
    const second = plugin("b", { settings: { retry: { deadline: 9, queueWait: 3 }, timeouts: { idle: 4 } } });
    const { config } = resolveConfig({ plugins: [first, second], retry: { attempts: 7 } });
    expect(config.retry).toMatchObject({ attempts: 7, deadline: 1, queueWait: 3, shortWait: 3000 });
    expect(config.timeouts).toMatchObject({ idle: 4, connect: 10_000 });
  });

  test("that are wrong are told like those of the config", () => {
    const wrong = plugin("a", { settings: { retry: { attempts: 0 } } });
    expect(() => resolveConfig({ plugins: [wrong] })).toThrow("attempts");
  });
});

test("what is no config, and entries that are no plugins, are left for those who check", () => {
  const odd = [null, "text", 3, Promise.resolve()] as unknown as readonly PluginInput[];
  const yielding = plugin("a", { yields: true });
  expect(expand([...odd, yielding]).plugins).toEqual([...odd, yielding]);
  for (const config of [undefined, 3, { plugins: {} }] as unknown as AnyConfig[])
    expect(expandConfig(config)).toBe(config);
});
