import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { answer, createUpstream, models, status, type Step, type Upstream } from "waygate/testing";
import { runFile, startExample } from "./_spawn.ts";

const upstreams: Upstream[] = [];
afterEach(async () => {
  for (const upstream of upstreams.splice(0)) await upstream.close();
});
async function upstreamThat(...steps: readonly Step[]): Promise<Upstream> {
  const upstream = await createUpstream();
  upstream.reply(...steps);
  upstreams.push(upstream);
  return upstream;
}

describe("examples/embed-…", () => {
  it.each([
    ["embed-h3", "/llm"],
    ["embed-node", ""],
  ])("%s answers as the README says", async (name, path) => {
    const url = await startExample(name);
    const response = await fetch(`${url}${path}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "are you there" }] }),
    });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("are you there")]);
    if (path !== "") expect(await (await fetch(url)).text()).toBe("Your own app");
  });
});

it("examples/in-process-sdk: the question goes to the second provider when the first cannot", async () => {
  const groq = await upstreamThat(status(401, { error: { message: "Invalid API Key" } }));
  const openai = await upstreamThat(answer({ text: "forty-two" }));
  for (const [name, upstream] of Object.entries({ GROQ: groq, OPENAI: openai })) {
    vi.stubEnv(`${name}_API_BASE`, upstream.url);
    vi.stubEnv(`${name}_API_KEY`, `${name}-key`);
    upstream.when({ method: "GET" }, models(["listed"]));
  }
  const { ask } = await import("../../examples/in-process-sdk/ask.ts");
  expect(await ask("What is the answer?")).toBe("forty-two");
  const asked = [groq, openai].map(({ requests }) => requests.filter(({ method }) => method === "POST"));
  expect(asked.map(([request]) => [request?.key, request?.model])).toEqual([
    ["GROQ-key", "llama-3.3-70b-versatile"],
    ["OPENAI-key", "gpt-5-mini"],
  ]);
});

it("examples/serverless: serves without touching a disk, where none may be written", async () => {
  const upstream = await upstreamThat(answer({ text: "whole" }), answer({ text: "streamed" }));
  upstream.when({ method: "GET" }, models(["listed"]));
  const cwd = mkdtempSync(join(tmpdir(), "waygate-serverless-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const running = runFile(new URL("./_without-disk.ts", import.meta.url), {
    cwd,
    env: { PROXY_API_KEY: "client-key", OPENAI_API_KEY: "k", OPENAI_API_BASE: upstream.url },
    // Writing is refused by Node itself; reading must stay allowed, since modules are files.
    node: ["--permission", "--allow-fs-read=*", "--no-warnings"],
  });
  const code = await running.exited;
  const { stdout, stderr } = running.output();
  expect([code, stderr.includes("ERR_ACCESS_DENIED") ? stderr : ""]).toEqual([0, ""]);
  const { touched, texts, unauthorized } = JSON.parse(stdout) as {
    [name: string]: unknown;
    texts: string[];
  };
  expect(touched).toEqual([]);
  expect(texts).toEqual([expect.stringContaining("whole"), expect.stringContaining("streamed")]);
  expect(unauthorized).toBe(401);
  expect(readdirSync(cwd)).toEqual([]);
});
