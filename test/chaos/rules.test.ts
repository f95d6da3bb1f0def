/** That each rule of the chaos run is broken by what it is there for. */
import { describe, expect, it } from "vitest";
import type { Received } from "waygate/testing";
import { type Call, checkRates, watchCalls } from "../../scripts/chaos/calls.ts";
import { checkDisabled, checkLines, checkServed } from "../../scripts/chaos/checks.ts";
import type { Served } from "../../scripts/chaos/client.ts";
import { type Dialect, readEnd } from "../../scripts/chaos/ends.ts";
import type { ProviderPlan } from "../../scripts/chaos/plan.ts";
import type { Rule } from "../../scripts/chaos/rules.ts";
import type { Running } from "../../scripts/chaos/server.ts";

const lag = (): number => 0;
const provider: ProviderPlan = {
  name: "alpha",
  protocol: "openai-chat",
  keys: ["k"],
  places: 1,
  rate: { requests: 2, window: 5000 },
};

function broken(): { rules: Rule[]; violate: (rule: Rule) => void } {
  const rules: Rule[] = [];
  return { rules, violate: (rule) => void rules.push(rule) };
}

const callAt = (at: number, more: Partial<Call> = {}): Call => ({
  provider: "alpha",
  key: "k",
  index: 1,
  fault: "good",
  reused: false,
  at,
  endedAt: at + 10,
  how: "complete",
  ...more,
});

const callsOf = (...all: Call[]): ReturnType<typeof watchCalls> => ({
  ...watchCalls([provider], { violate: () => undefined, lag }),
  all,
  of: () => all,
});

const servedWith = (more: Partial<Served>): Served => ({
  asked: {
    index: 1,
    dialect: "openai-chat",
    stream: false,
    model: "m",
    size: 3,
    leavesAfter: undefined,
    leavesUpload: false,
    slow: 0,
  },
  startedAt: 1000,
  firstAt: undefined,
  endedAt: 1500,
  leftAt: undefined,
  status: 200,
  end: "complete",
  why: "",
  isEnding: false,
  bytes: 1,
  reused: false,
  ...more,
});

const life = (stopping?: Running["stopping"]): Running =>
  ({ readyAt: 0, stopping, ended: stopping && { code: 0, signal: undefined, at: stopping.at + 100 } }) as Running;

describe("calls of one key", () => {
  it("beside each other are found, once it is known how they ended", async () => {
    const { rules, violate } = broken();
    const calls = watchCalls([provider], { violate, lag });
    const facts = { provider: "alpha", key: "k", index: 1, fault: "good" };
    const ends = [1, 2].map(() => Promise.withResolvers<"complete" | "client">());
    const received = (at: number): Received => ({ reused: false, closed: ends[at]!.promise }) as unknown as Received;
    calls.begin(received(0), facts);
    const second = calls.begin(received(1), facts);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rules).toEqual([]);
    ends[0]!.resolve("complete");
    await ends[0]!.promise;
    await Promise.resolve();
    expect(rules).toEqual(["no-overload"]);
    expect(calls.open()).toEqual([second]);
    expect(calls.peaks.get("k")).toBe(2);
  });

  it("of which there are too many in a window are found, but for those a kill has made forget", () => {
    const check = (times: readonly number[], kills: readonly number[] = []): Rule[] => {
      const { rules, violate } = broken();
      checkRates(
        times.map((at) => callAt(at)),
        [provider],
        kills,
        { violate, lag },
      );
      return rules;
    };
    expect(check([0, 100, 5000])).toEqual([]);
    expect(check([0, 100, 3000])).toEqual(["limits-kept"]);
    expect(check([0, 100, 3000], [200])).toEqual([]);
    expect(check([0, 100, 3000], [2500])).toEqual(["limits-kept"]);
  });
});

describe("a request", () => {
  const check = (
    served: Partial<Served>,
    calls: readonly Call[] = [],
    lives: readonly Running[] = [life()],
  ): Rule[] => {
    const { rules, violate } = broken();
    checkServed(servedWith(served), { lives, calls: callsOf(...calls), violate, lag });
    return rules;
  };

  it.each<[string, Partial<Served>, readonly Call[], Rule]>([
    ["that is malformed", { end: "malformed" }, [], "one-end"],
    ["with the words of another", { end: "wrong" }, [], "one-end"],
    ["that has no end", { end: "endless" }, [], "one-end"],
    ["that is cut", { end: "cut" }, [], "no-cut"],
    ["that nobody takes", { end: "unconnected", status: 0 }, [], "no-cut"],
    ["with too many calls", {}, [1, 2, 3, 4, 5, 6].map((at) => callAt(1000 + at)), "attempts-bounded"],
    ["that is called for after its first byte", { firstAt: 1100 }, [callAt(2500)], "no-attempt-after-commit"],
    ["that is called for after it was left", { end: "left", leftAt: 1100 }, [callAt(2500)], "abort-ends-calls"],
    [
      "whose call goes on after it was left",
      { end: "left", leftAt: 1100 },
      [callAt(1000, { endedAt: 9000 })],
      "abort-ends-calls",
    ],
    ["whose call goes on after its end", {}, [callAt(1000, { endedAt: 9000 })], "no-leak"],
  ])("%s breaks a rule", (_, served, calls, rule) => {
    expect(check(served, calls)).toContain(rule);
  });

  it("may be cut by a kill, and by the end of a server that has waited for it", () => {
    expect(check({ end: "cut" }, [], [life({ how: "SIGKILL", at: 1490 })])).toEqual([]);
    expect(check({ end: "cut" }, [], [life({ how: "SIGTERM", at: 1490 })])).toEqual(["no-cut"]);
    expect(check({ end: "cut", endedAt: 4600 }, [], [life({ how: "SIGTERM", at: 1490 })])).toEqual([]);
  });

  it("has one line, which says what the client saw", () => {
    const linesOf = (served: Partial<Served>, ...outcomes: string[]): Rule[] => {
      const { rules, violate } = broken();
      const lines = outcomes.map((outcome) => ({ id: "chaos-1", status: 200, outcome, attempts: [] }));
      checkLines([servedWith(served)], new Map([["chaos-1", lines]]), {
        lives: [life()],
        calls: callsOf(),
        violate,
        lag,
      });
      return rules;
    };
    expect(linesOf({}, "ok")).toEqual([]);
    expect(linesOf({})).toEqual(["one-line"]);
    expect(linesOf({}, "ok", "ok")).toEqual(["one-line"]);
    expect(linesOf({}, "failed 502 upstream_error")).toEqual(["one-line"]);
    expect(linesOf({ end: "refused", status: 429 }, "refused 429 no_candidate")).toEqual([]);
    expect(linesOf({ end: "refused", status: 503, isEnding: true })).toEqual([]);
  });

  it("must not be sent with a key that was disabled", () => {
    const check2 = (at: number, stopping?: Running["stopping"]): Rule[] => {
      const { rules, violate } = broken();
      const checking = { lives: [life(stopping)], calls: callsOf(callAt(at)), violate, lag };
      checkDisabled([{ key: "k", since: 1000, until: 9000 }], checking);
      return rules;
    };
    expect(check2(5000)).toEqual(["disabled-rests"]);
    expect(check2(9500)).toEqual([]);
    expect(check2(5000, { how: "SIGKILL", at: 1500 })).toEqual([]);
    expect(check2(5000, { how: "SIGKILL", at: 4000 })).toEqual(["disabled-rests"]);
  });
});

describe("an answer", () => {
  const read = (dialect: Dialect, text: string, more: { status?: number; stream?: boolean } = {}): string => {
    const { status = 200, stream = true } = more;
    const type = status === 200 && stream && dialect !== "gemini-array" ? "text/event-stream" : "application/json";
    return readEnd({ dialect, stream, status, type, text }).end;
  };
  const chunk = (content: string, finish: string | null): string =>
    `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: finish }] })}\n\n`;
  const error = `data: {"error":{"message":"no","type":"x","code":null}}\n\n`;

  it.each<[string, Dialect, string, string]>([
    ["complete", "openai-chat", `${chunk("a", null)}${chunk("", "stop")}data: [DONE]\n\n`, "complete"],
    ["without its terminator", "openai-chat", `${chunk("a", null)}${chunk("", "stop")}`, "malformed"],
    ["without a finish", "openai-chat", `${chunk("a", null)}data: [DONE]\n\n`, "malformed"],
    ["with an error", "openai-chat", `${chunk("a", null)}${error}`, "failed"],
    ["with something behind an error", "openai-chat", `${error}${chunk("a", null)}`, "malformed"],
    ["that ends in an event", "openai-chat", `${chunk("a", null)}data: {"cho`, "malformed"],
    ["with an event that is no JSON", "openai-chat", `data: {"cho\n\n`, "malformed"],
    ["without a stop", "anthropic", 'event: message_start\ndata: {"type":"message_start"}\n\n', "malformed"],
    ["with an error", "anthropic", 'event: error\ndata: {"type":"error","error":{"message":"no"}}\n\n', "failed"],
    ["of another protocol", "anthropic", error, "malformed"],
    ["without a finish", "gemini", 'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n', "malformed"],
    ["complete", "gemini", 'data: {"candidates":[{"finishReason":"STOP"}]}\n\n', "complete"],
    ["that is no whole array", "gemini-array", '[{"candidates":[{"finishReason":"STOP"}]}', "malformed"],
    [
      "with numbers that go back",
      "openai-responses",
      'data: {"sequence_number":2}\n\ndata: {"sequence_number":1}\n\n',
      "malformed",
    ],
    [
      "without its last event",
      "openai-responses",
      'data: {"type":"response.created","sequence_number":0}\n\n',
      "malformed",
    ],
  ])("%s, to %s clients, is what it is", (_, dialect, text, end) => {
    expect(read(dialect, text)).toBe(end);
  });

  it("that is a refusal has a body in the client's own protocol", () => {
    const openai = '{"error":{"message":"no","type":"x","code":null}}';
    const anthropic = '{"type":"error","error":{"type":"x","message":"no"}}';
    const gemini = '{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}';
    expect(read("openai-chat", openai, { status: 429 })).toBe("refused");
    expect(read("openai-responses", anthropic, { status: 429 })).toBe("malformed");
    expect(read("anthropic", anthropic, { status: 429 })).toBe("refused");
    expect(read("anthropic", openai, { status: 429 })).toBe("malformed");
    expect(read("gemini", gemini, { status: 429 })).toBe("refused");
    expect(read("gemini", gemini, { status: 500 })).toBe("malformed");
    expect(read("gemini-array", `[${gemini}]`, { status: 429 })).toBe("refused");
  });
});
