import { describe, expect, test } from "vitest";
import { folderWith, run, startServer } from "./spawn.ts";

const keys = ["sk-proj-aaaaaaaaaaaaaaaaaaaa1111", "sk-proj-bbbbbbbbbbbbbbbbbbbb2222"];
const secret = "client-secret-0123456789";

const config = `
import { defineConfig } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
export default defineConfig({
  plugins: [
    proxyKey(),
    openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9/v1", models: ["a", "b"] }),
    openaiCompatible({ name: "idle", baseURL: "http://127.0.0.1:9/v1", models: ["c"] }),
    resilience(), tiers([["lab"]]), echo(),
  ],
  models: { smart: "echo/echo", falls: ["lab/a", "echo/echo"] },
  server: { port: 1 },
});`;

function ask(url: string, model: string, key?: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "a private question" }] }),
  });
}

describe("proxy start", () => {
  test("says where it listens and what runs, answers, logs each request, and ends with 0 on SIGTERM (report 60)", async () => {
    const cwd = folderWith({
      "proxy.config.ts": config,
      ".env": `PROXY_API_KEY=${secret}\nLAB_API_KEYS=${keys.join(",")}\n`,
    });
    const server = await startServer(["--port", "0"], { cwd });
    await server.saw(/inactive: idle/);
    const banner = server.output();
    expect(banner).toMatch(/^waygate \d+\.\d+\.\d+ {2}ready in \d+ ms {2}proxy\.config\.ts {2}2 of 2 keys usable$/m);
    expect(banner).toMatch(/^ {2}auth +proxyKey$/m);
    expect(banner).toMatch(/^ {2}selectKey +drop +cooldown, concurrency\n +order tiers, sticky, rotate$/m);
    expect(banner).toMatch(/^ {2}call +3 providers, 4 models$/m);
    expect(banner).toMatch(/^ {2}1 {2}lab {2}●● {2}sk-p…1111 sk-p…2222$/m);

    expect((await ask(server.url, "smart")).status).toBe(401);
    const answer = await ask(server.url, "falls", secret);
    const text = await answer.text();
    expect(answer.headers.get("x-fallback-provider")).toBe("echo");
    expect(text).toContain("private");
    expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);

    await server.saw(/"outcome":"ok"/);
    const lines = server
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      expect.objectContaining({ status: 401, outcome: "refused 401 invalid_api_key", attempts: [] }),
      expect.objectContaining({
        id: answer.headers.get("x-request-id"),
        model: "falls",
        status: 200,
        outcome: "ok",
        attempts: [
          expect.objectContaining({ provider: "lab", error: "network" }),
          expect.objectContaining({ provider: "lab", error: "network" }),
          expect.objectContaining({ provider: "echo", status: 200 }),
        ],
      }),
    ]);

    const second = await run(["start", "--port", String(server.port)], { cwd });
    expect(second.code).toBe(1);
    expect(second.stdout).toBe("");
    expect(second.stderr).toMatch(
      /✘ Port \d+ is taken +port_in_use\n {2}at +127\.0\.0\.1:\d+ +--port\n {2}why {2}A waygate answers/,
    );
    expect(second.stderr).toContain(`proxy start --port ${server.port + 1}`);

    expect(await server.stop("SIGTERM")).toBe(0);
    for (const hidden of [...keys, secret, "private question"]) expect(server.output()).not.toContain(hidden);
  });

  test("serves echo without a config, says in three lines what to set, and can be told not to log", async () => {
    const cwd = folderWith({});
    const env = { NO_COLOR: "1", PORT: "0", HOST: "localhost" };
    const server = await startServer(["--no-log-requests"], { cwd, env });
    const [, curl = ""] = await server.saw(/^! {2}Set a key .*\n {3}or .*\n {3}Try it now +(curl .*)$/m);
    expect(server.output()).toContain('no config file  only "echo" can answer');
    expect(server.url).toContain("localhost");
    const body = /-d '(.*)'$/.exec(curl)?.[1];
    const answer = await fetch(curl.split(" ")[2]!, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      choices: [{ message: { content: expect.stringContaining("hello") as string } }],
    });
    expect(await server.stop("SIGINT")).toBe(0);
    expect(server.output()).not.toContain("\u001B");
    expect(server.output()).not.toContain('"outcome"');
  });

  test("takes a port that is none for wrong use", async () => {
    const { code, stderr } = await run(["start", "--port", "80x"], { cwd: folderWith({}) });
    expect(code).toBe(2);
    expect(stderr).toContain('--port is "80x"');
  });

  test("K3 refuses a public host without authentication, naming who asked for it", async () => {
    const cwd = folderWith({});
    const { code, stdout, stderr } = await run(["start", "--host", "0.0.0.0", "--port", "0"], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/✘ Not started: .* +auth_required\n {2}at +--host 0\.0\.0\.0\n/);
    expect(stderr).toContain("PROXY_API_KEY");
  });
});
