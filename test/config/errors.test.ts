import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { AnyConfig } from "../../src/config/types.ts";
import { findProblems } from "../../src/config/validate.ts";
import { argumentsOf, configSchema, fit } from "../../src/load/data/options.ts";

const plugins = [
  openaiCompatible({ name: "nvidia_nim", baseURL: "http://127.0.0.1:1", keys: ["k"], models: ["m"] }),
  cooldown(),
];
const problems = (errors: unknown): { path: string; what: string; why: string; fix: string }[] =>
  findProblems({ plugins, errors }).map(({ path, what, why, fix }) => ({ path: path.join("."), what, why, fix }));
const resolved = (errors: AnyConfig["errors"], more = plugins): ReturnType<typeof resolveConfig> =>
  resolveConfig({ plugins: more, errors });

describe("errors", () => {
  it("are taken as they are written", () => {
    const { config, warnings } = resolved([
      { status: [429, "5xx"], match: /quota/g, provider: "nvidia-nim", model: "m*", then: "next", cooldown: "60s" },
      { match: "busy", then: "overloaded", scope: "provider" },
    ]);
    expect(config.errors).toEqual([
      {
        statuses: [
          [429, 429],
          [500, 599],
        ],
        match: /quota/,
        provider: "nvidia-nim",
        model: "m*",
        then: "next",
        cooldown: 60_000,
      },
      { match: /busy/i, then: "overloaded", scope: "provider" },
    ]);
    expect(warnings).toEqual([]);
    expect(resolveConfig({ plugins }).config.errors).toEqual([]);
  });

  it.each<[unknown, string, RegExp, RegExp]>([
    [{}, "errors", /errors/, /list of rules/],
    [[5], "errors.0", /errors\[0\]/, /an object/],
    [[{}], "errors.0", /errors\[0\] has no "then"/, /Add then/],
    [[{ then: "nxt" }], "errors.0.then", /errors\[0\]\.then/, /"next"/],
    [[{ then: "rate_limit" }], "errors.0.then", /then/, /"rate_limited"/],
    [[{ then: "next" }, { thn: "next", then: "stop" }], "errors.1.thn", /Unknown key "thn" in errors\[1\]/, /then/],
    [[{ then: "next", status: "6xx" }], "errors.0.status", /status/, /5xx/],
    [[{ then: "next", status: [] }], "errors.0.status", /status/, /list/],
    [[{ then: "next", status: [429, 1000] }], "errors.0.status", /status/, /429/],
    [[{ then: "next", match: "" }], "errors.0.match", /match/, /text/],
    [[{ then: "next", match: "/(a/" }], "errors.0.match", /errors\[0\]\.match cannot be read/, /slashes/],
    [[{ then: "next", provider: "nvidia_nin" }], "errors.0.provider", /Unknown provider "nvidia_nin"/, /"nvidia_nim"/],
    [[{ then: "next", scope: "key" }], "errors.0.scope", /scope/, /credential/],
    [[{ then: "next", cooldown: "60" }], "errors.0.cooldown", /cooldown/, /60 without quotes/],
    [[{ then: "next", cooldown: -1 }], "errors.0.cooldown", /cooldown/, /60s/],
  ])("refuses %j at %s", (errors, path, what, fix) => {
    const found = problems(errors);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      path,
      what: expect.stringMatching(what) as string,
      fix: expect.stringMatching(fix) as string,
    });
  });

  it("names every mistake at once, and why a pattern cannot be read", () => {
    expect(problems([{ then: "x", status: 5, match: "/[/" }]).map(({ path }) => path)).toEqual([
      "errors.0.match",
      "errors.0.then",
      "errors.0.status",
    ]);
    expect(problems([{ then: "next", match: "/[/" }])[0]?.why).toMatch(/unterminated/i);
  });

  it("warns of rules in vain", () => {
    const open = resolved([{ then: "next" }, { status: 500, then: "stop" }]).warnings;
    expect(open.map(({ path }) => path)).toEqual([["errors", 0]]);
    expect(resolved([{ status: 500, then: "stop" }, { then: "next" }]).warnings).toEqual([]);
    const idle = resolved([{ then: "next", cooldown: 5 }], plugins.slice(0, 1)).warnings;
    expect(idle.map(({ path }) => path)).toEqual([["errors", 0, "cooldown"]]);
    expect(resolved([{ then: "next", cooldown: 0 }], plugins.slice(0, 1)).warnings).toEqual([]);
  });

  it("are known to the schema, with numbers from variables as they are", () => {
    const options = { isFromVariable: () => true };
    const rule = { status: [429, "5xx"], match: "/day/i", then: "next", scope: "credential", cooldown: "60s" };
    const fitted = fit({ plugins: [], errors: [rule, { status: "429", then: "stop" }] }, configSchema(), [], options);
    expect(fitted.problems).toEqual([]);
    const wrong = (errors: unknown): number =>
      fit({ plugins: [], errors }, configSchema(), [], { isFromVariable: () => false }).problems.length;
    expect([wrong([{ then: "nxt" }]), wrong([{}]), wrong([{ then: "next", status: "any" }]), wrong({})]).toEqual([
      1, 1, 1, 1,
    ]);
    expect(argumentsOf("waygate/plugins/cooldown")).toBeDefined();
  });
});
