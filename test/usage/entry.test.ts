import { describe, expect, it } from "vitest";
import type { Attempt, Context, Outcome } from "waygate";
import { type Entry, entryOf } from "../../plugins/usage/entry.ts";

const start = 1_700_000_000_000;

function attempt(more: Partial<Attempt> = {}): Attempt {
  const { provider, credential } = { provider: { name: "lab" }, credential: { id: "lab:1" } };
  const times = { startedAt: start + 2, endedAt: start + 500 };
  return { provider, credential, candidate: {}, model: "m", status: 200, ...times, ...more } as unknown as Attempt;
}

/** Answered by the last of the attempts, half a second after it came. */
function recorded(attempts: readonly Attempt[], more: Partial<Outcome> = {}): Entry {
  const times = { startedAt: start, firstByteAt: start + 100, endedAt: start + 501 };
  const outcome = { status: 200, end: "complete", answeredBy: attempts.at(-1), ...times, ...more };
  const context = {
    id: "request-1",
    attempts,
    model: "smart",
    protocol: { id: "openai-chat" },
    operation: "generate",
    req: new Request("http://waygate.localhost/"),
    get: () => undefined,
  };
  const entry = entryOf(outcome as unknown as Outcome, context as unknown as Context, {
    cost: () => 0.5,
    hashIp: () => null,
  });
  return entry!;
}

describe("the attempts of a request", () => {
  it("are left out where there was none, or one that is as the request says", () => {
    const entry = recorded([attempt()]);
    expect(entry).toMatchObject({ provider: "lab", model: "m", credential: "lab:1", status: 200, duration: 501 });
    expect(entry.attempts).toBeUndefined();
    expect(recorded([], { status: 404, end: "refused" }).attempts).toBeUndefined();
  });

  it.each<readonly [string, Partial<Attempt>, Partial<Outcome>]>([
    ["began late", { startedAt: start + 200 }, {}],
    ["was over long before the answer was", { endedAt: start + 300 }, {}],
    ["had another status than the client got", { status: 503 }, { status: 502 }],
    ["failed", { status: 200, error: { kind: "network" } as Attempt["error"] }, {}],
    ["did not answer", {}, { answeredBy: undefined, status: 200 }],
  ])("are kept where the only one %s", (_, one, outcome) => {
    expect(recorded([attempt(one)], outcome).attempts).toHaveLength(1);
  });

  it("are kept where there were several, twenty at most", () => {
    const failed = attempt({ status: 429, error: { kind: "rate_limited" } as Attempt["error"], endedAt: start + 40 });
    expect(recorded([failed, attempt({ startedAt: start + 41 })]).attempts).toEqual([
      { provider: "lab", model: "m", credential: "lab:1", status: 429, error: "rate_limited", ms: 38 },
      { provider: "lab", model: "m", credential: "lab:1", status: 200, ms: 459 },
    ]);
    expect(recorded(Array.from({ length: 30 }, () => attempt())).attempts).toHaveLength(20);
  });
});
