import { describe, expect, test } from "vitest";
import type { Provider } from "waygate";
import { tiers } from "waygate/plugins/tiers";
import {
  type FakeApp,
  fakeApp,
  fakeCandidates,
  fakeContext,
  fakeProvider,
  fakeSelection,
  idsOf,
  select,
} from "./_fakes.ts";

const named = (...names: readonly string[]): Provider[] => names.map((name) => fakeProvider(name));

function started(
  providers: readonly Provider[],
  ...args: Parameters<typeof tiers>
): { app: FakeApp; plugin: ReturnType<typeof tiers> } {
  const app = fakeApp({ providers, aliases: { smart: [`${providers[0]!.name}/gpt`] } });
  const plugin = tiers(...args);
  void plugin.setup?.(app);
  return { app, plugin };
}

/** The providers' names as the plugin orders one key of each. */
function ordered(providers: readonly Provider[], ...args: Parameters<typeof tiers>): string {
  const { app, plugin } = started(providers, ...args);
  const candidates = providers.flatMap((provider) => fakeCandidates(app, [provider.name], { provider }));
  return idsOf(select(plugin, candidates, fakeContext(app)));
}

describe("order", () => {
  test("follows the list, equal ones as they were", () => {
    expect(
      ordered(named("openai", "g4f_groq", "gemini_cli", "g4f_main"), [
        ["gemini_cli"],
        ["g4f_main", "g4f_groq"],
        ["openai"],
      ]),
    ).toBe("gemini_cli g4f_groq g4f_main openai");
  });

  test("without a list follows the usual tiers", () => {
    expect(ordered(named("puter", "groq", "cerebras", "g4f_main", "openai", "gemini_cli"))).toBe(
      "gemini_cli cerebras g4f_main groq openai puter",
    );
  });

  test("lets a provider state its own tier", () => {
    expect(ordered([...named("groq"), fakeProvider("mine", { tier: 1 }), ...named("gemini_cli")])).toBe(
      "mine gemini_cli groq",
    );
  });

  test("puts what the list leaves out after it, by the usual tiers", () => {
    expect(ordered(named("puter", "groq", "gemini_cli", "openai"), ["openai"])).toBe("openai gemini_cli groq puter");
  });

  test("takes - and _ for the same", () => {
    expect(ordered(named("openai", "gemini_cli"), [["gemini-cli"], ["openai"]])).toBe("gemini_cli openai");
    expect(ordered(named("groq", "gemini-cli"))).toBe("gemini-cli groq");
  });

  test("keeps the keys of one provider as they were and gives back the same list when nothing moves", () => {
    const { app, plugin } = started(named("a", "b"), ["b", "a"]);
    const a = fakeCandidates(app, ["a2", "a1"], { provider: app.providers[0] });
    const b = fakeCandidates(app, ["b2", "b1"], { provider: app.providers[1] });
    expect(idsOf(select(plugin, [...a, ...b], fakeContext(app)))).toBe("b2 b1 a2 a1");
    const sorted = [...b, ...a];
    expect(select(plugin, sorted, fakeContext(app))).toBe(sorted);
  });

  test("says why another one is first", () => {
    const { app, plugin } = started(named("a", "b"), ["b", "a"], { names: ["free", "paid"] });
    const candidates = app.providers.flatMap((provider) => fakeCandidates(app, [provider.name], { provider }));
    const selection = fakeSelection(true);
    select(plugin, candidates, fakeContext(app), selection);
    expect(selection.moves).toEqual([{ candidate: candidates[1], reason: "tier 1, free" }]);
  });

  test("K5 stands above balancing wherever the plugin is listed", () => {
    expect(tiers().hooks?.selectKey).toMatchObject({ precedence: "tier" });
  });
});

describe("the same model elsewhere", () => {
  const providers = [
    fakeProvider("gemini_cli", { models: ["gpt"] }),
    fakeProvider("puter", { models: ["x", "GPT"] }),
    fakeProvider("openai", { models: ["gpt"] }),
    fakeProvider("openrouter", { models: ["other/GPT-mini", "openai/gpt"] }),
  ];
  const targets = (app: FakeApp, model: string): string[] =>
    app.models
      .resolve(model)
      .map((target) => `${target.provider.name}/${target.model}${target.fallback ? " (fallback)" : ""}`);

  test("follows from the same or a worse tier, better ones first", () => {
    expect(targets(started(providers).app, "openai/gpt")).toEqual([
      "openai/gpt",
      "openrouter/openai/gpt (fallback)",
      "puter/GPT (fallback)",
    ]);
  });

  test("also for a name with a vendor before it and one nobody lists", () => {
    expect(targets(started(providers).app, "openrouter/openai/gpt")).toEqual([
      "openrouter/openai/gpt",
      "openai/gpt (fallback)",
      "puter/GPT (fallback)",
    ]);
    expect(targets(started(providers).app, "openai/new")).toEqual(["openai/new"]);
  });

  test("is what discovery found, too", () => {
    const { app } = started(providers);
    app.models.setListed("puter", ["new"]);
    expect(targets(app, "openai/new")).toEqual(["openai/new", "puter/new (fallback)"]);
  });

  test("does not follow an alias, and nothing with pin", () => {
    expect(targets(started(providers).app, "smart")).toEqual(["gemini_cli/gpt"]);
    expect(targets(started(providers, [], { pin: true }).app, "openai/gpt")).toEqual(["openai/gpt"]);
  });
});

test.each([
  [[["gemini_cly"], ["openai"]], /there is no provider "gemini_cly"[\s\S]*write "gemini_cli"/],
  [["openai", "zzz"], /there is no provider "zzz"[\s\S]*gemini_cli, openai/],
])("the unknown name in %j does not start", (list, message) => {
  expect(() => started(named("gemini_cli", "openai"), list)).toThrow(message);
});
