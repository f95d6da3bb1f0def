import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { folderWith, run } from "./spawn.ts";

const imports = `
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
`;

/** Lists its models to one key only, and counts who asks. */
async function upstream(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    const isGood = req.headers.authorization === "Bearer good-key-good-key-good";
    res.writeHead(isGood ? 200 : 401, { "content-type": "application/json" });
    res.end(JSON.stringify(isGood ? { data: [{ id: "m1" }, { id: "m2" }] } : { error: { message: "revoked" } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

describe("proxy check", () => {
  test("knows every protocol that ships", async () => {
    const one = (protocol: string): string =>
      `openaiCompatible({ name: "up-${protocol}", protocol: "${protocol}", baseURL: "http://127.0.0.1:9/v1", keys: ["k"], models: [] })`;
    const all = ["openai-chat", "openai-responses", "anthropic", "gemini"].map(one).join(", ");
    const cwd = folderWith({ "proxy.config.mjs": `${imports}export default { plugins: [proxyKey(), ${all}] };` });
    const { code, stdout, stderr } = await run(["check"], { cwd, env: { PROXY_API_KEY: "client-key" } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "No problem found.\n" });
    expect(stdout).toContain("up-gemini");
  });

  test("prints stages in running order and warnings, calls nobody, and writes words and tabs to a pipe", async () => {
    const { port, asked } = await upstream();
    const cwd = folderWith({
      "proxy.config.ts": `${imports}export default {
        plugins: [
          echo(), tiers([["up"]]),
          openaiCompatible({ name: "up", baseURL: "http://127.0.0.1:${port}/v1", keys: ["good-key-good-key-good", "bad-key"] }),
          proxyKey(),
        ],
      };`,
      ".env": "PROXY_API_KEY=abc\nOTHER=1\n",
    });
    const { code, stdout, stderr } = await run(["check"], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "1 warning\n" });
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(rows[0]).toEqual([
      "ok",
      "proxy.config.ts",
      expect.stringMatching(/^\d.* m?s, 4 plugins, \.env with 2 variables$/),
    ]);
    expect(rows[1]?.slice(0, 2)).toEqual(["warning", "no_rotation"]);
    expect(rows.slice(2)).toEqual([
      ["auth", "proxyKey"],
      ["filter"],
      ["selectKey", "drop"],
      ["selectKey", "order", "alias", "tiers", "priority", "seals"],
      ["transform"],
      ["call", "echo", "up"],
      ["record"],
    ]);
    expect(asked).toEqual([]);
  });

  test("warns of limits that nothing keeps, until something does", async () => {
    const config = (plugins: string): string => `${imports}export default {
        plugins: [
          openaiCompatible({ name: "up", baseURL: "http://127.0.0.1:9/v1", keys: ["good-key-good-key-good"], models: ["m"], limits: { rpm: 3 } }),
          proxyKey(), ${plugins}
        ],
      };`;
    const cwd = folderWith({ "proxy.config.mjs": config("tiers([])"), ".env": "PROXY_API_KEY=abc\n" });
    const { stdout } = await run(["check"], { cwd });
    expect(stdout).toContain(
      "warning\tno_limits\tLimits are stated, and nothing keeps them\tKeys of up have limits, which are counted by a plugin.\tAdd resilience() or limits() to plugins.",
    );
    const kept = folderWith({ "proxy.config.mjs": config("resilience()"), ".env": "PROXY_API_KEY=abc\n" });
    expect((await run(["check"], { cwd: kept })).stdout).not.toContain("warning");
  });

  test("asks every key with --live and fails when one does not answer", async () => {
    const { port } = await upstream();
    const cwd = folderWith({
      "proxy.config.mjs": `${imports}export default { plugins: [
        openaiCompatible({ name: "up", baseURL: "http://127.0.0.1:${port}/v1", keys: ["good-key-good-key-good", "bad-key-bad-key-bad-key"] }),
        resilience(), echo(),
      ] };`,
    });
    const { code, stdout } = await run(["check", "--live", "--json"], { cwd });
    expect(code).toBe(1);
    expect(stdout).not.toContain("bad-key-bad");
    expect(JSON.parse(stdout)).toMatchObject({
      file: "proxy.config.mjs",
      stages: {
        drop: ["cooldown", "concurrency"],
        order: ["alias", "priority", "sticky", "seals", "rotate"],
        call: ["up", "echo"],
      },
      warnings: [],
      live: [
        { provider: "up", key: "good…good", state: "answers", detail: "2 models" },
        { provider: "up", key: "bad-…-key", state: "failed", detail: expect.stringContaining("401") as string },
        { provider: "echo", state: "not checked" },
      ],
    });
  });

  test("names file, line, path and the nearest name for what the config and what a plugin's setup refuses", async () => {
    const cwd = folderWith({
      "proxy.config.ts": `${imports}export default {
  plugins: [tiers([["ecko"]]), echo()],
};`,
      "wrong.config.ts": `${imports}export default {
  plugins: [echo()],
  models: { smart: "ecko/echo" },
  retry: { attemps: 3 },
};`,
    });
    const [setup, config] = await Promise.all([
      run(["check"], { cwd }),
      run(["check", "--json", "--config", "wrong.config.ts"], { cwd }),
    ]);
    expect(setup).toMatchObject({ code: 1, stdout: "" });
    expect(setup.stderr).toMatch(/✘ .*"ecko".* config_invalid\n {2}at +proxy\.config\.ts:8:\d+/);
    expect(setup.stderr).toMatch(/fix {2}.*"echo"/);
    expect(setup.stderr).not.toMatch(/\n\s+at \S+ \(/);

    expect(config).toMatchObject({ code: 1, stderr: "" });
    const { error } = JSON.parse(config.stdout) as { error: { code: string; problems: { path: string }[] } };
    expect(error.code).toBe("config_invalid");
    expect(error.problems).toEqual([
      expect.objectContaining({
        file: "wrong.config.ts",
        line: 9,
        path: "models.smart",
        fix: expect.stringContaining("echo") as string,
      }),
      expect.objectContaining({
        file: "wrong.config.ts",
        line: 10,
        path: "retry.attemps",
        fix: expect.stringContaining("attempts") as string,
      }),
    ]);
  });
});
