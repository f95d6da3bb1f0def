/** Rule H4: a config that is wrong stops the start, says where and what to do, and starts nothing. */
import { describe, expect, it } from "vitest";
import { type Config, ConfigError, createProxy, definePlugin, serve } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";

function problemsOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (ConfigError.is(error)) return error;
    throw error;
  }
  throw new Error("the config was accepted");
}

const wrong: readonly [string, object, readonly (string | number)[], RegExp][] = [
  ["a misspelt key", { plugins: [echo()], timeout: {} }, ["timeout"], /timeouts/],
  ["a negative number", { plugins: [echo()], retry: { attempts: -1 } }, ["retry", "attempts"], /attempts/],
  ["a port that is none", { plugins: [echo()], server: { port: 70_000 } }, ["server", "port"], /65535/],
  ["an alias to an unknown provider", { plugins: [echo()], models: { a: "ecco/echo" } }, ["models", "a"], /echo/],
  ["an alias to itself", { plugins: [echo()], models: { a: "b", b: "a" } }, ["models"], /a → b → a|b → a → b/],
  ["one plugin twice", { plugins: [echo(), echo()] }, ["plugins", 1], /twice/],
  ["a function that was not called", { plugins: [proxyKey] }, ["plugins", 0], /proxyKey\(\)/],
  [
    "a misspelt hook",
    { plugins: [definePlugin({ name: "mine", hooks: { selectkey: () => [] } as never })] },
    ["plugins", 0, "hooks", "selectkey"],
    /selectKey/,
  ],
];

describe("H4 config errors", () => {
  it.each(wrong)("H4 createProxy names place and fix of %s", (_, config, path, words) => {
    const error = problemsOf(() => createProxy(config as Config));
    expect(error.problems).not.toHaveLength(0);
    const [problem] = error.problems;
    expect(problem?.path.slice(0, path.length)).toEqual(path);
    expect(problem?.fix).not.toBe("");
    expect(error.message).toMatch(words);
  });

  it("H4 tells of everything that is wrong at once", () => {
    const config = { plugins: [echo(), echo()], retry: { attempts: 0.5 }, server: { port: "x" } };
    const error = problemsOf(() => createProxy(config as never));
    expect([...new Set(error.problems.map((problem) => problem.path[0]))].sort()).toEqual([
      "plugins",
      "retry",
      "server",
    ]);
  });

  it("H4 a plugin function names the option that is wrong before anything runs", () => {
    const error = problemsOf(() => openaiCompatible({ name: "lab", baseURL: "gpu-1:8000/v1", keys: ["k"] }));
    expect(error.message).toMatch(/baseURL of lab/);
  });

  it("H4 serve listens nowhere when a plugin cannot be set up, and says why", async () => {
    const broken = definePlugin({
      name: "broken",
      setup() {
        throw new Error("the accounts file is missing");
      },
    });
    const proxy = createProxy({ plugins: [echo(), broken] });
    const before = process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
    await expect(serve(proxy, { port: 0 })).rejects.toThrow("the accounts file is missing");
    expect(process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap")).toHaveLength(before);
  });
});
