import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { startServer } from "../cli/spawn.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const exec = promisify(execFile);
const examples = readdirSync(join(root, "examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory());

const pages = readdirSync(join(root, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);

/** The shell blocks of a page, each its lines. */
const shellBlocks = (page: string): string[][] =>
  [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block.trim().split("\n"));

describe("the README", () => {
  it("and the docs show examples and tables as the sources have them", async () => {
    const check = exec(process.execPath, [join(root, "scripts/readme.mjs"), "--check"]);
    await expect(check).resolves.toMatchObject({ stderr: "" });
    expect(read("README.md").match(/^```ts file=/gm)?.length).toBeGreaterThan(4);
  });

  it("and the page of the examples name every one of them", () => {
    for (const { name } of examples) {
      expect(read("README.md")).toContain(`[${name}](examples/${name})`);
      expect(read("examples/README.md")).toMatch(new RegExp(`^\\| \\[${name}\\]\\(`, "m"));
    }
  });

  it.each(["README.md", "examples/README.md", ...pages])("%s links to nothing that is not there", (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, link = ""]) => decodeURI(link));
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  it("starts with commands that work: what npm runs serves what curl asks, word by word", async ({ skip }) => {
    const [[start = ""] = [], [curl = ""] = []] = shellBlocks(read("README.md"));
    const command = /^npm install && npx (\S+) start$/.exec(start)?.[1];
    const { bin } = JSON.parse(read("package.json")) as { bin: { [name: string]: string } };
    // `startServer` runs this file with `start`.
    expect(bin[command ?? ""]).toBe("bin/proxy.mjs");
    const curlIsThere = await exec("curl", ["--version"]).then(
      () => true,
      () => false,
    );
    if (!curlIsThere) skip("there is no curl on this machine");
    // A port and keys of the developer's machine must not decide: the line is the one of a fresh clone.
    const server = await startServer([], { cwd: root, env: { PORT: "0", PROXY_API_KEY: "" } });
    const { stdout } = await exec("sh", ["-c", curl.replace("http://127.0.0.1:8000", server.url)]);
    expect(curl).toContain("http://127.0.0.1:8000");
    const events = stdout.trim().split("\n\n");
    expect(events.at(-1)).toBe("data: [DONE]");
    const text = events.slice(0, -1).map((event) => {
      const { choices } = JSON.parse(event.replace("data: ", "")) as { choices: { delta: { content?: string } }[] };
      return choices[0]?.delta.content ?? "";
    });
    expect(text.join("")).toContain("Hello from the gate");
  });
});
