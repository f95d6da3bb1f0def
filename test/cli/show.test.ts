import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { keysTable, keysTotal } from "../../src/cli/keys-table.ts";
import { back, widthOf } from "../../src/cli/layout.ts";
import { missingLists, modelsTable, modelsTotal } from "../../src/cli/models-table.ts";
import { readRunFile, removeRunFile, writeRunFile } from "../../src/cli/run-file.ts";
import { countUses } from "../../src/cli/uses.ts";
import type { Attempt } from "../../src/plugin/context.ts";
import type { KeysDocument, KeyStatus } from "../../src/server/key-status.ts";
import type { ModelsDocument, ModelStatus } from "../../src/server/model-status.ts";
import { fakeTerminal } from "./fake-terminal.ts";
import { folderWith } from "./spawn.ts";

const now = new Date(2026, 10, 21, 14, 0);
const at = now.toISOString();
const inMs = (ms: number): string => new Date(now.getTime() + ms).toISOString();

const key = (label: string, more: Partial<KeyStatus> = {}): KeyStatus => ({
  id: `x:${label}`,
  label,
  masked: null,
  anonymous: false,
  state: "active",
  until: null,
  reason: null,
  models: [],
  inFlight: 0,
  usesToday: null,
  limits: null,
  ...more,
});

const document: KeysDocument = {
  at,
  providers: [
    {
      provider: "gemini_cli",
      tier: 1,
      rest: null,
      keys: [
        key("mia", {
          usesToday: 52,
          limits: { rpd: 100 },
          models: [{ model: "pro", state: "exhausted", until: inMs(90_000), reason: "used up" }],
        }),
        key("dad", { state: "exhausted", until: inMs(19 * 3_600_000), reason: "429 used up", usesToday: 1200 }),
      ],
    },
    {
      provider: "openai",
      tier: null,
      rest: { state: "cooling", until: inMs(12_000), reason: "no connection" },
      keys: [
        key("7f3a", { state: "invalid", reason: "401 twice", inFlight: 2 }),
        key("11c0", { state: "disabled", reason: "moving account" }),
        key("c410"),
      ],
    },
    { provider: "lab", tier: 3, rest: null, keys: [] },
  ],
};

describe("the table of keys", () => {
  test("groups by provider, with mark, state, return, use and reason", () => {
    expect(keysTable(document, fakeTerminal({ columns: 100 }).out)).toEqual([
      "KEY         STATE      BACK            USED            WHY",
      "gemini_cli  tier 1",
      "● mia       active                     day ▇▇▇░░  52%  pro: used up",
      "○ dad       exhausted  in 19 h, 09:00  1,200 today     429 used up",
      "openai                 in 12 s                         no connection",
      "✕ 7f3a      invalid    needs you       2 now           401 twice",
      "‖ 11c0      disabled   when enabled                    moving account",
      "● c410      active",
      "lab         tier 3                                     no key, inactive",
    ]);
  });

  test("shows what one request at a time tries", () => {
    const tried = { state: "half-open", until: null, reason: "503 for several requests, 5 s" } as const;
    const shown = {
      at,
      providers: [{ provider: "groq", tier: 2, rest: tried, keys: [key("team-3", { state: "half-open" }), key("x")] }],
    };
    expect(keysTable(shown, fakeTerminal({ columns: 100 }).out)).toEqual([
      "KEY       STATE      BACK    WHY",
      "groq      tier 2     trying  503 for several requests, 5 s",
      "◐ team-3  half-open  probe",
      "● x       active",
    ]);
    expect(keysTotal(shown)).toBe("2 coming back");
  });

  test("counts keys; those of a provider that rests are coming back", () => {
    expect(keysTotal(document)).toBe("1 usable, 2 coming back, 1 need you, 1 off");
    const unknown = [{ provider: "p", tier: null, rest: null, keys: [key("a", { state: "unknown" })] }];
    expect(keysTotal({ at, providers: unknown })).toBe("1 key, states unknown");
    expect(keysTotal({ at, providers: [] })).toBe("No provider has a key.");
  });

  test("loses bars below 80 columns, then the use, then the reason's place, and no line is too long", () => {
    const below = keysTable(document, fakeTerminal({ columns: 79 }).out);
    expect(below.join("\n")).not.toContain("▇");
    expect(below[2]).toContain("day  52%");
    const reason = "429 because the quota of this day is used up";
    const long = {
      at,
      providers: document.providers.map((group) => ({
        ...group,
        keys: group.keys.map((each) => (each.label === "dad" ? { ...each, reason } : each)),
      })),
    };
    for (const columns of [75, 60]) {
      const lines = keysTable(long, fakeTerminal({ columns }).out);
      expect(lines.filter((line) => widthOf(line) > columns)).toEqual([]);
      expect(lines[0]).not.toContain("USED");
      expect(lines.join("\n")).toContain(reason);
    }
  });

  test("is records of label and value below 60 columns", () => {
    const lines = keysTable(document, fakeTerminal({ columns: 59 }).out);
    expect(lines.slice(0, 6)).toEqual([
      "gemini_cli  tier 1",
      "key    ● mia",
      "state  active",
      "used   day  52%",
      "why    pro: used up",
      "",
    ]);
  });

  test("is words, tabs and ISO times in a pipe", () => {
    const rows = keysTable(document, fakeTerminal().out).map((line) => line.split("\t"));
    expect(rows).toContainEqual(["gemini_cli", "1", "dad", "exhausted", inMs(68_400_000), "0", "1200", "429 used up"]);
    expect(rows).toContainEqual(["openai", "", "7f3a", "invalid", "needs you", "2", "", "401 twice"]);
    expect(rows).toHaveLength(5);
  });

  test("of a hundred keys shows those first that do not just work", () => {
    const keys = Array.from({ length: 500 }, (_, index) => key(`k${index}`, index === 400 ? { state: "banned" } : {}));
    const many = { at, providers: [{ provider: "p", tier: null, rest: null, keys }] };
    const lines = keysTable(many, fakeTerminal({ columns: 100 }).out);
    expect(lines[2]).toMatch(/^⊘ k400/);
    expect(lines.at(-1)).toMatch(/^… 400 more/);
    expect(keysTable(many, fakeTerminal().out)).toHaveLength(500);
  });
});

test.each([
  [42_000, "in 42 s"],
  [19 * 3_600_000, "in 19 h, 09:00"],
  [3 * 86_400_000, "in 3 d, 24 Nov 14:00"],
  [-5, "in 0 ms"],
])("what is back in %i ms reads %s", (ms, text) => {
  expect(back(now.getTime() + ms, now.getTime())).toBe(text);
});

describe("the table of models", () => {
  const model = (id: string, more: Partial<ModelStatus> = {}): ModelStatus => ({
    id,
    owned_by: id.split("/")[0]!,
    targets: [id],
    context_length: null,
    max_completion_tokens: null,
    pricing: { prompt: null, completion: null },
    state: "ready",
    until: null,
    ...more,
  });
  const models: ModelsDocument = {
    at,
    models: [
      model("smart", { owned_by: "waygate", targets: ["groq/llama", "openai/gpt-4o"] }),
      model("groq/llama", {
        context_length: 131_072,
        pricing: { prompt: 0.59e-6, completion: 0 },
        state: "resting",
        until: inMs(42_000),
      }),
      model("openai/\u001B[2Jgpt", { state: "no-key" }),
    ],
    providers: [
      { provider: "groq", state: "failed", why: "status 500", models: 1 },
      { provider: "openai", state: "listed", models: 1 },
      { provider: "lab", state: "asking", models: 0 },
    ],
  };

  test("has context, prices per million, state and the targets of aliases", () => {
    expect(modelsTable(models, fakeTerminal({ columns: 100 }).out)).toEqual([
      "MODEL           CONTEXT  IN $/M  OUT $/M  STATE             TARGETS",
      "smart                                     ready             groq/llama, openai/gpt-4o",
      "groq/llama       131.1K    0.59        0  resting, in 42 s",
      "openai/?[2Jgpt                            no key",
    ]);
    expect(modelsTotal(models)).toBe("2 models of 2 providers, 1 alias");
  });

  test("is words, tabs and plain numbers in a pipe", () => {
    expect(modelsTable(models, fakeTerminal().out).slice(0, 2)).toEqual([
      "smart\tgroq/llama, openai/gpt-4o\t\t\t\tready\t",
      `groq/llama\tgroq/llama\t131072\t0.59\t0\tresting\t${inMs(42_000)}`,
    ]);
  });

  test("names whose list is missing and why", () => {
    expect(missingLists(models)).toEqual([
      "groq could not list its models: status 500; 1 known model shown",
      "lab has not answered yet",
    ]);
  });
});

describe("the file of a running server", () => {
  const run = { pid: process.pid, url: "http://127.0.0.1:1", token: "t", config: "/a/proxy.config.ts" };

  test("is this user's alone, in a folder of this user's alone that version control leaves out", async () => {
    const folder = join(folderWith({}), "deep", ".waygate");
    await writeRunFile(folder, run);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "run.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("*\n");
    expect(await readRunFile(folder)).toEqual(run);
  });

  test("is replaced by a newer server, removed by its own only, and no trouble when it is gone", async () => {
    const folder = folderWith({});
    await writeRunFile(folder, run);
    await writeRunFile(folder, { ...run, token: "newer" });
    removeRunFile(folder, "t");
    expect((await readRunFile(folder))?.token).toBe("newer");
    removeRunFile(folder, "newer");
    removeRunFile(folder, "newer");
    expect(await readRunFile(folder)).toBeUndefined();
  });

  test.each([
    ["its process is gone", JSON.stringify({ ...run, pid: 2 ** 30 })],
    ["it is cut off", '{"pid":1,'],
    ["it is something else", '["x"]'],
    ["it has no token", JSON.stringify({ ...run, token: undefined })],
  ])("counts for nothing when %s", async (_, text) => {
    const folder = folderWith({ "run.json": text });
    expect(await readRunFile(folder)).toBeUndefined();
  });

  test("cannot be written where the folder is a file, and leaves nothing behind where it cannot be put", async () => {
    const folder = folderWith({ ".waygate": "a file" });
    await expect(writeRunFile(join(folder, ".waygate"), run)).rejects.toThrow(/EEXIST|ENOTDIR/);
    mkdirSync(join(folder, "data", "run.json"), { recursive: true });
    writeFileSync(join(folder, "data", "run.json", "x"), "");
    await expect(writeRunFile(join(folder, "data"), run)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
    expect(() => statSync(join(folder, "data", `run.json.${process.pid}`))).toThrow("ENOENT");
  });
});

test("uses are counted per key and begin again at 03:00 UTC", () => {
  let time = Date.UTC(2026, 0, 2, 2, 59);
  const uses = countUses(() => time);
  const attempt = (id: string): Attempt => ({ credential: { id } }) as Attempt;
  uses.add([attempt("a"), attempt("b"), attempt("a")]);
  expect([uses.of("a"), uses.of("b"), uses.of("c")]).toEqual([2, 1, 0]);
  time += 60_000;
  expect(uses.of("a")).toBe(0);
});
