import { describe, expectTypeOf, it } from "vitest";
import { defineConfig } from "../../src/config/define.ts";
import type { AnyConfig, Config, ModelRef, PluginInput } from "../../src/config/types.ts";
import type { Plugin } from "../../src/plugin/app.ts";
import { definePlugin, defineProvider } from "../../src/plugin/define.ts";
import type { Provider } from "../../src/plugin/provider.ts";

const lab = definePlugin({
  name: "lab",
  providers: [
    defineProvider({ name: "lab", protocol: "openai-chat", models: ["llama", "qwen"], prepare: (wire) => wire }),
    defineProvider({
      name: "lab_two",
      protocol: (model) => model,
      models: [],
      prepare: (wire, attempt) => ({ ...wire, url: attempt.model }),
    }),
  ],
});
const other = definePlugin({
  name: "other",
  providers: [defineProvider({ name: "other", protocol: "openai-chat", models: ["m"], prepare: (wire) => wire })],
});
const policy = definePlugin({ name: "policy", hooks: { selectKey: (candidates) => candidates } });

describe("definePlugin and defineProvider", () => {
  it("keep the literal names", () => {
    expectTypeOf(lab).toExtend<Plugin<readonly [Provider<"lab", "llama" | "qwen">, Provider<"lab_two">]>>();
    expectTypeOf(policy).toExtend<Plugin>();
  });

  it("take the data of a credential from prepare", () => {
    defineProvider({
      name: "typed",
      protocol: "openai-chat",
      models: [],
      prepare(wire, attempt: { readonly credential: { readonly data: { readonly token: string } } }) {
        expectTypeOf(attempt.credential.data.token).toBeString();
        return wire;
      },
    });
  });

  it("refuse a misspelt hook, alone and beside a good one", () => {
    // @ts-expect-error fliter
    definePlugin({ name: "a", hooks: { fliter: () => undefined } });
    // @ts-expect-error fliter
    definePlugin({ name: "a", hooks: { record: () => undefined, fliter: () => undefined } });
    // @ts-expect-error fliter, beside providers
    definePlugin({ name: "a", providers: [], hooks: { record: () => undefined, fliter: () => undefined } });
  });

  it("refuse what a hook may not return", () => {
    // @ts-expect-error a filter answers with a Response or nothing
    definePlugin({ name: "a", hooks: { filter: () => "no" } });
    // @ts-expect-error selectKey returns candidates
    definePlugin({ name: "a", hooks: { selectKey: () => undefined } });
    // @ts-expect-error the same inside an object
    definePlugin({ name: "a", hooks: { selectKey: { precedence: "drop", handler: () => 1 } } });
    // @ts-expect-error no such precedence
    definePlugin({ name: "a", hooks: { selectKey: { precedence: "first", handler: (candidates) => candidates } } });
  });

  it("refuse a misspelt key of a plugin", () => {
    // @ts-expect-error hook
    definePlugin({ name: "a", hook: {} });
    // @ts-expect-error apiVersion 2
    definePlugin({ name: "a", apiVersion: 2 });
  });
});

describe("defineConfig", () => {
  it("completes known names", () => {
    type Reference = ModelRef<readonly [typeof lab, false, readonly [typeof other]]>;
    expectTypeOf<"lab/llama">().toExtend<Reference>();
    expectTypeOf<"other/m">().toExtend<Reference>();
    // The literal is a member of its own, which is what an editor offers.
    expectTypeOf<Extract<Reference, "lab/qwen">>().toEqualTypeOf<"lab/qwen">();
    expectTypeOf<"labb/llama">().not.toExtend<Reference>();
  });

  it("takes new models of a known provider, patterns, and lists of both", () => {
    defineConfig({
      plugins: [lab, other],
      models: { a: "lab/brand-new", b: ["lab/llama", "other/some/thing", "lab_two/x"], "fast/*": ["lab/*", "other/*"] },
    });
  });

  it("takes falsy and nested plugins", () => {
    const preset = (): readonly Plugin[] => [policy];
    const flag = "" as "" | "yes";
    const config = defineConfig({
      plugins: [lab, false, null, undefined, flag && policy, [other, [policy, false]], preset()],
      models: { a: ["lab/x", "other/x"] },
    });
    const held: AnyConfig = config;
    expectTypeOf(held.strict).toEqualTypeOf<boolean | undefined>();
  });

  it("refuses an unknown provider, alone and in a list", () => {
    // @ts-expect-error labb
    defineConfig({ plugins: [lab], models: { smart: "labb/llama" } });
    // @ts-expect-error labb
    defineConfig({ plugins: [lab], models: { smart: ["lab/llama", "labb/llama"] } });
    // @ts-expect-error labb, with nested plugins
    defineConfig({ plugins: [false, [lab, [other]]], models: { smart: ["other/m", "labb/llama"] } });
    // @ts-expect-error no provider at all
    defineConfig({ plugins: [lab], models: { smart: "llama" } });
  });

  it("refuses misspelt keys, at the top and inside", () => {
    // @ts-expect-error modles
    defineConfig({ plugins: [lab], modles: {} });
    // @ts-expect-error prot
    defineConfig({ plugins: [lab], server: { prot: 1 } });
    // @ts-expect-error a text is no number
    defineConfig({ plugins: [lab], server: { port: "8000" } });
    // @ts-expect-error attempt
    defineConfig({ plugins: [lab], retry: { attempt: 1 } });
    // @ts-expect-error plugins are required
    defineConfig({ models: {} });
  });

  it("lets code that knows nothing of the plugins hold any config", () => {
    expectTypeOf<ModelRef<readonly PluginInput[]>>().toEqualTypeOf<string>();
    const config: AnyConfig = { plugins: [lab], models: { a: "anything/goes" } };
    expectTypeOf<AnyConfig>().toExtend<Config>();
    expectTypeOf(config.plugins).toEqualTypeOf<readonly PluginInput[]>();
  });
});
