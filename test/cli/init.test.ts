import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { init } from "../../src/cli/init.ts";
import { fakeTerminal } from "./fake-terminal.ts";
import { folderWith, run } from "./spawn.ts";

async function runInit(cwd: string, force = false): Promise<{ stdout: string; stderr: string }> {
  const terminal = fakeTerminal({ cwd });
  expect(await init({ terminal, values: { force }, operands: [] })).toBe(0);
  return { stdout: terminal.stdout.join("\n"), stderr: terminal.stderr.join("\n") };
}

describe("proxy init", () => {
  test("writes a config that passes check, a private .env with a fresh key shown once, and keeps it out of git (report 5)", async () => {
    const cwd = folderWith({ ".gitignore": "node_modules" });
    const { code, stdout, stderr } = await run(["init"], { cwd });
    expect(code).toBe(0);
    const [, key = ""] = /^PROXY_API_KEY=([\da-f]{64})\n$/.exec(stdout) ?? [];
    expect(key).toHaveLength(64);
    expect(stderr).not.toContain(key);
    expect(stderr).toContain("npx proxy start");
    expect(readFileSync(join(cwd, ".env"), "utf8")).toContain(`PROXY_API_KEY=${key}`);
    expect(statSync(join(cwd, ".env")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(cwd, ".gitignore"), "utf8")).toBe("node_modules\n.env\n");

    const checked = await run(["check"], { cwd });
    expect(checked.code).toBe(0);
    expect(checked.stdout).toMatch(/^auth\tproxyKey$/m);
  });

  test("report 5: the proxy's key is chance and different for everybody", async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, async () => (await runInit(folderWith({}))).stdout));
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^PROXY_API_KEY=[\da-f]{64}$/);
  });

  test("overwrites neither a config nor an .env", async () => {
    const cwd = folderWith({ ".env": "OPENAI_API_KEY=mine\n" });
    const { stdout, stderr } = await runInit(cwd);
    expect(stdout).toBe("");
    expect(stderr).toContain("PROXY_API_KEY=$(openssl rand -hex 32)");
    expect(readFileSync(join(cwd, ".env"), "utf8")).toBe("OPENAI_API_KEY=mine\n");

    writeFileSync(join(cwd, "proxy.config.ts"), "mine");
    await expect(runInit(cwd)).rejects.toMatchObject({
      problems: [{ code: "config_exists", fix: expect.stringContaining("--force") as string }],
    });
    expect(readFileSync(join(cwd, "proxy.config.ts"), "utf8")).toBe("mine");
  });

  test("replaces the config and its own key only when forced; provider keys stay", async () => {
    const cwd = folderWith({ "proxy.config.ts": "old", ".env": "OPENAI_API_KEY=mine\nPROXY_API_KEY=old\nZ=1" });
    const { stdout } = await runInit(cwd, true);
    expect(readFileSync(join(cwd, ".env"), "utf8")).toBe(`OPENAI_API_KEY=mine\n${stdout}\nZ=1`);
    expect(readFileSync(join(cwd, "proxy.config.ts"), "utf8")).toContain("defineConfig");
  });

  test("does not begin a second config beside one in another language", async () => {
    const cwd = folderWith({ "proxy.config.mjs": "old" });
    await expect(runInit(cwd, true)).rejects.toMatchObject({ problems: [{ fix: "Remove proxy.config.mjs first." }] });
  });
});
