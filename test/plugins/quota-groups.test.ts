import { expect, test } from "vitest";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { type FakeApp, fakeApp, fakeCandidates, fakeProvider } from "./_fakes.ts";

function started(options: Parameters<typeof quotaGroups>[0]): FakeApp {
  const app = fakeApp({ providers: [fakeProvider("gemini_cli"), fakeProvider("openai")] });
  void quotaGroups(options).setup?.(app);
  return app;
}

test.each([
  ["gemini_cli", "gemini-2.5-flash", "flash"],
  ["gemini_cli", "gemini-2.5-flash-lite", "flash"],
  ["gemini_cli", "gemini-2.5-pro", "pro"],
  ["gemini_cli", "gemma", "gemma"],
  ["openai", "gemini-2.5-flash", "gemini-2.5-flash"],
])("the model %s/%s counts in %s", (provider, model, expected) => {
  const app = started({ "gemini-cli": { flash: ["gemini-*-flash*"], pro: ["gemini-*-pro", "gemini-*"], none: [] } });
  expect(app.credentials.scope(provider, model)).toBe(expected);
});

test("A3 a rest of one model of a group is one of all its models and of no other", () => {
  const app = started({ gemini_cli: { flash: ["*-flash*"] } });
  const [lite] = fakeCandidates(app, ["a"], { model: "g-flash-lite" });
  const [flash] = fakeCandidates(app, ["a"], { model: "g-flash" });
  const [pro] = fakeCandidates(app, ["a"], { model: "g-pro" });
  app.credentials.rest(
    { provider: "gemini_cli", credential: "a", model: "g-flash" },
    { state: "cooling", until: app.clock.now() + 1000, policy: "test", reason: "429", kind: "rate_limited" },
  );
  expect([lite!, flash!, pro!].map((candidate) => app.credentials.resting(candidate) !== undefined)).toEqual([
    true,
    true,
    false,
  ]);
});

test("an unknown provider does not start", () => {
  expect(() => started({ gemini_cly: {} })).toThrow(/write "gemini_cli"/);
});

test("an empty list takes a provider's own group away, and nothing else of it", () => {
  const own = { groupOf: (model: string) => (model.startsWith("g-") ? "flash" : "pro") };
  const app = fakeApp({ providers: [fakeProvider("gemini_cli", own)] });
  void quotaGroups({ gemini_cli: { flash: [], small: ["g-lite"] } }).setup?.(app);
  const scopes = ["g-one", "g-lite", "other"].map((model) => app.credentials.scope("gemini_cli", model));
  expect(scopes).toEqual(["g-one", "small", "pro"]);
});
