import { describe, expect, it } from "vitest";
import { ProxyError } from "waygate";
import { createModels } from "../../src/candidates/lookup.ts";
import type { Models } from "../../src/candidates/models.ts";
import { providerOf } from "./_things.ts";

const providers = [
  providerOf("openai", { models: ["gpt-5", "gpt-5-mini"] }),
  providerOf("open_router", { models: ["openai/gpt-5", "meta/llama-3:free", "deep/seek:free"] }),
  providerOf("groq", { models: ["llama-3", "meta/llama-3:free"] }),
  providerOf("silent"),
];

function models(aliases: { [alias: string]: readonly string[] } = {}, list = providers): Models {
  return createModels({ providers: list, aliases });
}

/** `provider model @position`, one per target. */
function found(table: Models, name: string): string[] {
  return table
    .resolve(name)
    .map(
      ({ provider, model, position, fallback }) =>
        `${provider.name} ${model} @${position}${fallback ? " fallback" : ""}`,
    );
}

function failure(table: Models, name: string): ProxyError {
  try {
    table.resolve(name);
  } catch (error) {
    if (ProxyError.is(error)) return error;
  }
  throw new Error(`${name} was found`);
}

describe("from a name to targets", () => {
  it("an exact alias comes before everything", () => {
    const table = models({ "openai/gpt-5": ["groq/llama-3"], "gpt-5": ["groq/llama-3"], "openai/*": ["silent/x"] });
    expect(found(table, "openai/gpt-5")).toEqual(["groq llama-3 @0"]);
    expect(found(table, "gpt-5")).toEqual(["groq llama-3 @0"]);
  });

  it("a pattern comes before a provider, the longest literal first", () => {
    const table = models({ "openai/*": ["silent/*"], "openai/gpt-*": ["groq/g-*"], "*": ["silent/rest-*"] });
    expect(found(table, "openai/gpt-5")).toEqual(["groq g-5 @0"]);
    expect(found(table, "openai/o1")).toEqual(["silent o1 @0"]);
    expect(found(table, "groq/llama-3")).toEqual(["silent rest-groq/llama-3 @0"]);
  });

  it("a provider comes before what others list, listed or not", () => {
    const table = models();
    expect(found(table, "openai/gpt-5")).toEqual(["openai gpt-5 @0"]);
    expect(found(table, "openai/of-next-year")).toEqual(["openai of-next-year @0"]);
    expect(found(table, "silent/anything")).toEqual(["silent anything @0"]);
  });

  it("a model that several providers list makes all of them equal candidates (report 62)", () => {
    const table = models();
    expect(found(table, "meta/llama-3:free")).toEqual([
      "open_router meta/llama-3:free @0",
      "groq meta/llama-3:free @0",
    ]);
    expect(found(table, "gpt-5")).toEqual(["openai gpt-5 @0"]);
  });

  it("what nobody knows is a 404 with the nearest name", () => {
    const error = failure(models(), "openia/gpt-5");
    expect([error.kind, error.code, error.param]).toEqual(["not_found", "model_not_found", "model"]);
    expect(error.message).toContain("openai/gpt-5");
    expect(failure(models(), "gpt-5-mni").message).toContain("openai/gpt-5-mini");
    expect(failure(models(), "zzzzzz").message).not.toContain("Nearest");
  });

  it.each(["", "/", "openai/", "/gpt-5", "*", "openai"])("%j names no model", (name) => {
    expect(failure(models(), name).code).toBe("model_not_found");
  });

  it.each(["hasOwnProperty", "__proto__", "constructor"])("%s is a name like any other", (name) => {
    expect(failure(models({ smart: ["openai/gpt-5"] }), name).code).toBe("model_not_found");
  });
});

describe("F15 names with slashes, colons and suffixes", () => {
  it("F15 - and _ are the same in a provider's id, and only there", () => {
    const table = models({ both: ["open-router/x_y-z"] });
    expect(found(table, "open-router/a_b-c")).toEqual(["open_router a_b-c @0"]);
    expect(found(table, "open_router/a_b-c")).toEqual(["open_router a_b-c @0"]);
    expect(found(table, "both")).toEqual(["open_router x_y-z @0"]);
    expect(failure(table, "gpt_5").code).toBe("model_not_found");
  });

  it("F15 only the first slash parts provider and model", () => {
    const table = models({ "fast/*": ["open_router/*"] });
    expect(found(table, "open_router/openai/gpt-5")).toEqual(["open_router openai/gpt-5 @0"]);
    expect(found(table, "open_router/a/b/c:free")).toEqual(["open_router a/b/c:free @0"]);
    expect(found(table, "fast/a/b:free")).toEqual(["open_router a/b:free @0"]);
  });

  it("F15 a listed name with a slash is found when its first segment is no provider", () => {
    expect(found(models(), "deep/seek:free")).toEqual(["open_router deep/seek:free @0"]);
    expect(found(models({}, [providers[1]!]), "openai/gpt-5")).toEqual(["open_router openai/gpt-5 @0"]);
  });

  it("F15 colons and other suffixes stay as they are", () => {
    expect(found(models(), "openai/gpt-5:thinking(high)@beta")).toEqual(["openai gpt-5:thinking(high)@beta @0"]);
  });
});

describe("aliases", () => {
  it("targets stand in order, each once, also through other aliases (report 62)", () => {
    const table = models({
      smart: ["openai/gpt-5", "backup", "openai/gpt-5"],
      backup: ["groq/llama-3", "openai/gpt-5"],
    });
    expect(found(table, "smart")).toEqual(["openai gpt-5 @0", "groq llama-3 @1"]);
    expect([table.isAlias("smart"), table.isAlias("openai/gpt-5")]).toEqual([true, false]);
  });

  it("provider/* under an alias without * means all that the provider lists, as equals", () => {
    const table = models({ any: ["groq/*", "openai/gpt-5"] });
    expect(found(table, "any")).toEqual(["groq llama-3 @0", "groq meta/llama-3:free @0", "openai gpt-5 @1"]);
    table.setListed("groq", ["newer"]);
    expect(found(table, "any")).toEqual(["groq newer @0", "openai gpt-5 @1"]);
  });

  it("a target that names a provider's model is that model, even if an alias has the same name", () => {
    const table = models({ "openai/gpt-5": ["openai/gpt-5", "groq/llama-3"], smart: ["openai/gpt-5"] });
    expect(found(table, "openai/gpt-5")).toEqual(["openai gpt-5 @0", "groq llama-3 @1"]);
    expect(found(table, "smart")).toEqual(["openai gpt-5 @0"]);
  });
});

describe("fallbacks, filters and lists", () => {
  it("what a policy adds stands behind the rest, is marked, and is added once", () => {
    const table = models();
    table.addFallback((targets) => [
      { provider: providers[2]!, model: "llama-3", position: 0 },
      { provider: targets[0]!.provider, model: targets[0]!.model, position: 0 },
    ]);
    table.addFallback(() => [
      { provider: providers[2]!, model: "llama-3", position: 0 },
      { provider: providers[3]!, model: "x", position: 0 },
    ]);
    expect(found(table, "openai/gpt-5")).toEqual([
      "openai gpt-5 @0",
      "groq llama-3 @1 fallback",
      "silent x @2 fallback",
    ]);
  });

  it("a filter hides models from the list and from requests, and says so", () => {
    const table = models({ smart: ["openai/gpt-5", "groq/llama-3"] });
    expect(found(table, "smart")).toHaveLength(2);
    table.addFilter((provider) => provider !== "openai");
    expect(found(table, "smart")).toEqual(["groq llama-3 @1"]);
    expect(table.list().map((entry) => entry.id)).not.toContain("openai/gpt-5");
    const error = failure(table, "openai/gpt-5");
    expect([error.kind, error.code, error.status]).toEqual(["forbidden", "model_not_allowed", 403]);
  });

  it("lists aliases without a pattern first, then provider/model", () => {
    const table = models({ smart: ["openai/gpt-5"], "fast/*": ["groq/*"] });
    expect(table.list()).toEqual([
      { id: "smart", ownedBy: "waygate" },
      ...["openai/gpt-5", "openai/gpt-5-mini"].map((id) => ({ id, ownedBy: "openai" })),
      ...["openai/gpt-5", "meta/llama-3:free", "deep/seek:free"].map((id) => ({
        id: `open_router/${id}`,
        ownedBy: "open_router",
      })),
      ...["llama-3", "meta/llama-3:free"].map((id) => ({ id: `groq/${id}`, ownedBy: "groq" })),
    ]);
  });

  it("what discovery finds is known from the next request on", () => {
    const table = models();
    expect(failure(table, "brand-new").code).toBe("model_not_found");
    table.setListed("silent", ["brand-new"]);
    expect(found(table, "brand-new")).toEqual(["silent brand-new @0"]);
  });

  it("gives the same targets for the same name", () => {
    const table = models();
    expect(table.resolve("openai/gpt-5")).toBe(table.resolve("openai/gpt-5"));
  });
});
