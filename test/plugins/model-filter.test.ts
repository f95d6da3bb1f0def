import { expect, test } from "vitest";
import { modelFilter, type ModelFilterRule } from "waygate/plugins/model-filter";
import { type FakeApp, fakeApp, fakeProvider } from "./_fakes.ts";

function started(rule: ModelFilterRule, provider = "lab"): FakeApp {
  const app = fakeApp({
    providers: [
      fakeProvider("lab", { models: ["gpt-4", "gpt-5", "vendor/o3"] }),
      fakeProvider("other", { models: ["gpt-4"] }),
    ],
    aliases: { best: ["lab/gpt-4", "lab/gpt-5"] },
  });
  void modelFilter({ [provider]: rule }).setup?.(app);
  return app;
}

const listed = (rule: ModelFilterRule): string[] =>
  started(rule)
    .models.list()
    .filter(({ ownedBy }) => ownedBy === "lab")
    .map(({ id }) => id.slice("lab/".length));

test.each<[ModelFilterRule, string[]]>([
  [{}, ["gpt-4", "gpt-5", "vendor/o3"]],
  [{ ignore: "gpt-*" }, ["vendor/o3"]],
  [{ ignore: ["gpt-4", "vendor/*"] }, ["gpt-5"]],
  [{ ignore: ["lab/gpt-*"] }, ["vendor/o3"]],
  [{ ignore: "gpt-*", allow: "gpt-5" }, ["gpt-5", "vendor/o3"]],
  [{ allow: ["gpt-5"] }, ["gpt-4", "gpt-5", "vendor/o3"]],
  [{ ignore: ["*"], allow: ["gpt-5"] }, ["gpt-5"]],
  [{ ignore: ["*"] }, []],
])("the rule %j leaves %j", (rule, expected) => {
  expect(listed(rule)).toEqual(expected);
});

test("a request for a model that is left out is refused with 403", () => {
  const app = started({ ignore: "gpt-4" }, "LAB".toLowerCase());
  expect(() => app.models.resolve("lab/gpt-4")).toThrow(
    expect.objectContaining({ kind: "forbidden", code: "model_not_allowed" }),
  );
  expect(app.models.resolve("lab/gpt-5")).toHaveLength(1);
});

test("an alias and a bare name go to the targets that are left", () => {
  const app = started({ ignore: "gpt-4" });
  const targets = (name: string): string[] =>
    app.models.resolve(name).map(({ provider, model }) => `${provider.name}/${model}`);
  expect(targets("best")).toEqual(["lab/gpt-5"]);
  expect(targets("gpt-4")).toEqual(["other/gpt-4"]);
});

test("an unknown provider does not start", () => {
  expect(() => started({}, "othr")).toThrow(/write "other"/);
});
