import { describe, expect, test, vi } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { addressOf } from "../../src/cli/address.ts";
import { cutMiddle, duration, plain, table, widthOf } from "../../src/cli/layout.ts";
import { createLineWriter } from "../../src/cli/line-writer.ts";
import { printError } from "../../src/cli/print-error.ts";
import { jsonLine, readableLine } from "../../src/cli/request-line.ts";
import type { Context, Outcome } from "../../src/plugin/context.ts";
import { fakeTerminal } from "./fake-terminal.ts";

describe("tables", () => {
  const columns = [
    { head: "MODEL", fit: "middle" },
    { head: "WHY", fit: "below" },
  ] as const;
  const rows = [["some-provider/a-very-long-model-name-of-its-own-kind", "because of a reason that is long enough"]];

  test("cut names in the middle and move reasons below where they do not fit", () => {
    const lines = table(fakeTerminal({ columns: 70 }).out, columns, rows);
    expect(lines.every((line) => widthOf(line) <= 70)).toBe(true);
    expect(lines[1]).toMatch(/^some-prov.*….*kind/);
  });

  test("become records of label and value below 60 columns", () => {
    expect(table(fakeTerminal({ columns: 50 }).out, columns, [["a", "b"]])).toEqual(["model  a", "why    b", ""]);
  });

  test("are tabs without a head and uncut in a pipe", () => {
    expect(table(fakeTerminal().out, columns, rows)).toEqual([rows[0]!.join("\t")]);
  });

  test("measure wide characters as two columns and colours as none", () => {
    expect(widthOf("\u001B[31m鍵\u001B[39m e\u0301")).toBe(4);
    expect(cutMiddle("abcdefghij", 5)).toBe("ab…ij");
  });
});

test.each([
  [412, "412 ms"],
  [3140, "3.1 s"],
  [42_000, "42 s"],
  [300_000, "5 min"],
  [68_400_000, "19 h"],
])("%i milliseconds read %s", (ms, text) => expect(duration(ms)).toBe(text));

describe("request lines", () => {
  const attempt = (provider: string, status: number | undefined, error?: string): object => ({
    provider: { name: provider },
    model: "m",
    status,
    error: error && { kind: error },
    startedAt: 1000,
    endedAt: 1412,
    credential: { label: "secret label" },
  });
  const [bad, good] = [attempt("gemini_cli", 429, "rate_limited"), attempt("openai", 200)];
  const outcome = {
    status: 200,
    end: "complete",
    startedAt: 1000,
    endedAt: 4100,
    answeredBy: good,
  } as unknown as Outcome;
  const ctx = { id: "8Kd2f0", model: "smart\u001B[2J", attempts: [bad, good] } as unknown as Context;

  test("name provider, status and time of every attempt, and neutralise what clients write", () => {
    const { style, marks } = fakeTerminal().err;
    const line = readableLine(style, marks)(outcome, ctx);
    expect(line.slice(8)).toBe("  8Kd2f0  smart?[2J  gemini_cli 429 412 ms → openai 200  3.1 s ok");
    expect(line).toMatch(/^\d\d:\d\d:\d\d/);
  });

  test("are one JSON object for programs, without keys", () => {
    const line = jsonLine()(outcome, ctx);
    expect(line).not.toContain("secret");
    expect(JSON.parse(line)).toMatchObject({
      id: "8Kd2f0",
      outcome: "ok",
      ms: 3100,
      attempts: [{ status: 429, ms: 412 }, { status: 200 }],
    });
  });
});

describe("the line writer", () => {
  test("writes many lines at once, and what is left when flushed", () => {
    vi.useFakeTimers();
    const written: string[] = [];
    const writer = createLineWriter({ write: (text) => written.push(text), writableLength: 0 }, { size: 10 });
    writer.line("a");
    writer.line("b");
    expect(written).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(written).toEqual(["a\nb\n"]);
    writer.line("long enough");
    expect(written).toHaveLength(2);
    writer.line("c");
    writer.flush();
    expect(written[2]).toBe("c\n");
    vi.useRealTimers();
  });

  test("leaves lines out rather than grow when nobody reads them, and says how many", () => {
    const stream = { write: vi.fn(), writableLength: 100 };
    const writer = createLineWriter(stream, { behind: 50 });
    writer.line("lost");
    stream.writableLength = 0;
    writer.line("kept");
    writer.flush();
    expect(stream.write).toHaveBeenCalledExactlyOnceWith("1 lines left out: nobody read them in time\nkept\n");
  });
});

describe("errors", () => {
  const problem = { code: "config_invalid", path: ["plugins", 1], what: "Wrong", why: "It is 1.", fix: "Write 2." };

  test("that differ only in their place are one, and several are counted", () => {
    const terminal = fakeTerminal();
    printError(
      terminal,
      new ConfigError([problem, { ...problem, path: ["plugins", 3] }, { ...problem, what: "Other" }], {
        file: "/c.ts",
      }),
    );
    const text = terminal.stderr.join("\n");
    expect(text.match(/✘ Wrong/g)).toHaveLength(1);
    expect(text).toMatch(/at +\/c\.ts +plugins\[1\]\n +at +\/c\.ts +plugins\[3\]\n +why/);
    expect(text.endsWith("3 problems")).toBe(true);
  });

  test("that nobody expected are masked, and have a stack only with --verbose", () => {
    const error = new Error("refused sk-proj-abcdefghijklmnop1234");
    const quiet = fakeTerminal();
    printError(quiet, error);
    expect(quiet.stderr.join("\n")).toMatch(/✘ refused \*\*\* +internal_error/);
    const loud = { ...fakeTerminal(), verbose: true };
    printError(loud, error);
    expect(loud.stderr.join("\n")).toContain("output.test.ts");
    expect(loud.stderr.join("\n")).not.toContain("sk-proj");
  });
});

describe("the address", () => {
  const from = (flags: object, env: NodeJS.ProcessEnv, server = {}): object => addressOf({ flags, env, server });

  test("comes from flags, then the environment, then the config", () => {
    expect(from({ port: "1" }, { PORT: "2", HOST: "h" }, { port: 3 })).toEqual({
      host: { value: "h", from: "HOST" },
      port: { value: 1, from: "--port" },
    });
    expect(from({}, { PORT: "2" }, { host: "x" })).toEqual({
      host: { value: "x", from: "server.host" },
      port: { value: 2, from: "PORT" },
    });
    expect(from({}, { PORT: "" })).toMatchObject({ port: { value: 8000, from: "server.port, default" } });
  });

  test.each(["http", "65536", "-1", "8e3", "1.5"])("refuses the port %s and names who set it", (port) => {
    expect(() => from({}, { PORT: port })).toThrow(/config_invalid[\s\S]*PORT is/);
    expect(() => from({ port }, {})).toThrow(/wrong_use/);
  });
});

test("text of others cannot steer the terminal or reverse the line", () => {
  expect(plain("a\u001B[2J\nb\u202E")).toBe("a?[2J?b?");
});
