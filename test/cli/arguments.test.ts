import { describe, expect, test } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { helpText } from "../../src/cli/help.ts";
import { fakeTerminal } from "./fake-terminal.ts";
import { folderWith, run } from "./spawn.ts";

describe("arguments", () => {
  test.each([
    [[], undefined],
    [["--port", "9"], "start"],
    [["--watch"], "start"],
    [["--help"], undefined],
    [["-v"], undefined],
    [["check", "--live"], "check"],
    [["--config", "check", "check"], "check"],
    [["explain", "a/b"], "explain"],
  ])("%j mean the command %s", (argv, command) => {
    const found = readArguments(argv);
    expect(found.command).toBe(command);
    expect(found.problem).toBeUndefined();
  });

  test.each([
    [["chekc"], /Unknown command "chekc"/, "proxy check"],
    [["start", "--prot", "9"], /Unknown option --prot/, "Write --port."],
    [["check", "--no-colour"], /Unknown option --no-colour/, "Write --no-color."],
    [["check", "--port", "9"], /Unknown option --port of proxy check/, "proxy check --help"],
    [["start", "--port"], /not used as it can be/, "proxy start --help"],
    [["check", "twice"], /does not take "twice"/, expect.stringContaining("proxy check") as string],
    [["explain"], /needs a MODEL/, expect.stringContaining("proxy explain MODEL") as string],
    [["doctor"], /not in this version yet/, expect.any(String) as string],
  ])("%j are wrong use, with what to type instead", (argv, what, fix) => {
    const { problem } = readArguments(argv);
    expect(problem?.what).toMatch(what);
    expect(problem?.fix).toEqual(fix);
  });

  test("help names the commands that are there, and no others", () => {
    const text = helpText(undefined, fakeTerminal().out.style);
    for (const name of ["start", "check", "explain", "init"]) expect(text).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(text).not.toMatch(/doctor/);
    expect(helpText("start", fakeTerminal().out.style)).toContain("--port PORT");
  });

  test("wrong use ends with 2, help and version with 0, and colours appear only when asked for", async () => {
    const cwd = folderWith({});
    const [wrong, help, version] = await Promise.all([
      run(["chekc"], { cwd, env: { FORCE_COLOR: "1" } }),
      run([], { cwd, env: { NO_COLOR: "1" } }),
      run(["--version", "--no-color"], { cwd }),
    ]);
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toContain("\u001B[31m✘");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/^waygate [\s\S]*start/);
    expect(help.stdout).not.toContain("\u001B");
    expect(version).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });
});
