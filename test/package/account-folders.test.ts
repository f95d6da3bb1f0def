import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const folders = ["gemini-cli", "antigravity", "qwen-code", "iflow"];

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

describe("the plugins of accounts whose services may end", () => {
  it.each(folders)("plugins/%s is imported by nothing but its own tests", (folder) => {
    const sources = ["src", "plugins", "scripts", "examples", "bench"].flatMap(sourcesIn);
    const importing = sources
      .filter((file) => !file.startsWith(`plugins/${folder}/`))
      .filter((file) =>
        new RegExp(`(?:from|import\\() ?"[^"]*plugins/${folder}`).test(readFileSync(join(root, file), "utf8")),
      );
    expect(importing).toEqual([]);
  });

  it("can be deleted as folders: what is left starts, and says which is missing when it is asked for", () => {
    const copy = mkdtempSync(join(tmpdir(), "waygate-without-"));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    for (const part of ["bin", "src", "plugins", "package.json", "tsconfig.json"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    for (const folder of folders) rmSync(join(copy, "plugins", folder), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const project = join(copy, "project");
    cpSync(join(root, "examples/basic"), project, { recursive: true });
    writeFileSync(join(project, ".env"), "GROQ_API_KEY=gsk-for-a-test-that-asks-nobody\n");
    const proxy = (...args: string[]): string =>
      execFileSync(process.execPath, [join(copy, "bin/proxy.mjs"), ...args], {
        cwd: project,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    expect(proxy("check", "--json")).toContain("groq");
    let said = "";
    try {
      proxy("login", "gemini_cli");
    } catch (error) {
      said = String((error as { readonly stderr?: unknown }).stderr);
    }
    expect(said).toMatch(/gemini_cli/);
  }, 60_000);
});
