import { describe, expect, test } from "vitest";
import {
  type ErrorRule,
  firstFitting,
  mayConcern,
  patternOf,
  resolveErrorRule,
  restTime,
  ruled,
  type RuledFailure,
  ruleText,
  statusRange,
} from "../../src/failure/own-rules.ts";

const failure: RuledFailure = { statuses: [429], texts: ["Quota for today"], provider: "open_ai", model: "org/gpt-5" };
const fits = (rule: Omit<ErrorRule, "then">, more: Partial<RuledFailure> = {}): boolean =>
  firstFitting([resolveErrorRule({ then: "next", ...rule })], { ...failure, ...more }) === 0;

describe("a status", () => {
  test.each([
    [429, [429, 429]],
    ["429", [429, 429]],
    ["5xx", [500, 599]],
    ["4XX", [400, 499]],
    ["500-503", [500, 503]],
    [" 500 - 503 ", [500, 503]],
  ])("%j is %j", (text, range) => {
    expect(statusRange(text)).toEqual(range);
  });

  test.each([99, 600, 1000, 4.5, Number.NaN, "", "xx", "6xx", "0xx", "503-500", "500-", "5x", "any", null, [429], {}])(
    "%j is none",
    (text) => {
      expect(statusRange(text)).toBeUndefined();
    },
  );

  test("fits at both ends of a range, and any of a list", () => {
    expect([499, 500, 503, 504].map((status) => fits({ status: "500-503" }, { statuses: [status] }))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(fits({ status: [400, "42x", "4xx"] })).toBe(true);
    expect(fits({ status: [400, "5xx"] })).toBe(false);
  });

  test("that is asked for fits no failure without an answer", () => {
    expect(fits({ status: "5xx" }, { statuses: [] })).toBe(false);
    expect(fits({ match: "today" }, { statuses: [] })).toBe(true);
  });
});

describe("a pattern", () => {
  test("of plain text is found in whatever case and as it stands", () => {
    expect(fits({ match: "quota FOR" })).toBe(true);
    expect(fits({ match: "q.ota" })).toBe(false);
    expect(fits({ match: "a+b(c" }, { texts: ["x A+B(C y"] })).toBe(true);
  });

  test("between slashes is a regular expression with its flags", () => {
    expect(fits({ match: "/^quota/i" })).toBe(true);
    expect(fits({ match: "/^quota/" })).toBe(false);
    expect(fits({ match: "/a\\/b/" }, { texts: ["a/b"] })).toBe(true);
    expect(patternOf("/no end")).toEqual(/\/no end/i);
    expect(() => patternOf("/(/")).toThrow(SyntaxError);
    expect(() => patternOf("/a/ii")).toThrow(SyntaxError);
  });

  test("with a memory forgets, so that the same failure fits every time", () => {
    const rules = [resolveErrorRule({ match: /quota/giy, then: "stop" })];
    expect([1, 2, 3].map(() => firstFitting(rules, { ...failure, texts: ["quota"] }))).toEqual([0, 0, 0]);
  });

  test("sees the first 8 KiB of each text and no more", () => {
    const long = `${"x".repeat(8192 - 5)}needle`;
    expect(fits({ match: "needl" }, { texts: [long] })).toBe(true);
    expect(fits({ match: "needle" }, { texts: [long] })).toBe(false);
    expect(fits({ match: "needle" }, { texts: [long, "needle"] })).toBe(true);
  });
});

describe("provider and model", () => {
  test.each<[Omit<ErrorRule, "then">, boolean]>([
    [{ provider: "open-ai" }, true],
    [{ provider: "openai" }, false],
    [{ model: "org/gpt-*" }, true],
    [{ model: "open_ai/org/gpt-5" }, true],
    [{ model: "gpt-5" }, false],
    [{ model: "*gpt-5" }, true],
    [{ provider: "open_ai", model: "other*" }, false],
    [{}, true],
  ])("%j fits: %j", (rule, expected) => {
    expect(fits(rule)).toBe(expected);
    expect(mayConcern(resolveErrorRule({ status: 599, then: "next", ...rule }), "open_ai", "org/gpt-5")).toBe(expected);
  });
});

test("the first rule that fits decides", () => {
  const rules = [{ status: 500 }, { match: "quota" }, { status: 429 }].map((rule) =>
    resolveErrorRule({ then: "next", ...rule }),
  );
  expect(firstFitting(rules, failure)).toBe(1);
  expect(firstFitting(rules, { ...failure, texts: [], statuses: [404] })).toBe(-1);
});

test.each<[unknown, number | undefined]>([
  [0, 0],
  ["0", 0],
  [1500, 1500],
  ["60s", 60_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  ["60", undefined],
  [-1, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  ["soon", undefined],
  ["", undefined],
  [undefined, undefined],
])("a time of %j is %j ms", (value, expected) => {
  expect(restTime(value)).toBe(expected);
});

test("a verdict to go on takes the blame from the request, one to stop leaves it", () => {
  const rule = (then: ErrorRule["then"], scope?: ErrorRule["scope"]): ReturnType<typeof resolveErrorRule> =>
    resolveErrorRule({ then, scope });
  expect(ruled(rule("next"), "invalid_request")).toEqual({ kind: "upstream", scope: "model", then: "next" });
  expect(ruled(rule("next", "provider"), "content_filter")).toMatchObject({ kind: "upstream", scope: "provider" });
  expect(ruled(rule("stop"), "invalid_request")).toEqual({ kind: "invalid_request", scope: undefined, then: "stop" });
  expect(ruled(rule("next"), "rate_limited")).toMatchObject({ kind: "rate_limited", scope: undefined });
  expect(ruled(rule("banned", "request"), "upstream")).toEqual({ kind: "banned", scope: "request" });
});

test.each<[ErrorRule, string]>([
  [{ then: "stop" }, "any failure → stop"],
  [
    { status: [429, "5xx", "501-502"], match: "per day", provider: "openai", then: "quota_exhausted", cooldown: "1h" },
    "429, 5xx, 501-502 /per day/i of openai → quota_exhausted, rests 3600 s",
  ],
  [{ model: "a/*", then: "next", scope: "provider", cooldown: 0 }, "of a/* → next, provider, no rest"],
])("for people %j is %s", (rule, text) => {
  expect(ruleText(resolveErrorRule(rule))).toBe(text);
});
