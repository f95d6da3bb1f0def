import { describe, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import { rotate } from "waygate/plugins/rotate";
import { status, testPolicy, testProvider } from "waygate/testing";

describe("testProvider", () => {
  it("passes for a provider that does what providers must", async () => {
    const passing = testProvider({
      plugin: ({ baseURL, keys }) => openaiCompatible({ name: "lab", baseURL, keys, models: ["m"] }),
      model: "m",
    });
    await expect(passing).resolves.toBeUndefined();
  });

  it("names what a provider gets wrong", async () => {
    const broken = testProvider({
      plugin: ({ baseURL, keys }) =>
        openaiCompatible({ name: "lab", baseURL, keys, models: ["m"], headers: { authorization: "Bearer shared" } }),
      model: "m",
    });
    await expect(broken).rejects.toThrow(/signs with its own key/);
  });
});

describe("testPolicy", () => {
  it("shows in virtual time which keys a policy asks", async () => {
    const run = await testPolicy({ plugins: [rotate({ mode: "round-robin" })], requests: 6 });
    expect(run.tried.flat()).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  it("plays the whole resilience preset against a key that is limited", async () => {
    const run = await testPolicy({
      plugins: [resilience()],
      upstream: (request) => (request.key === "a" ? status(429, {}, { "retry-after": "600" }) : status(200, ok)),
      requests: 20,
    });
    expect(run.statuses.every((code) => code === 200)).toBe(true);
    expect(run.tried.flat().filter((key) => key === "a")).toHaveLength(1);
  });
});

const ok = {
  id: "x",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
};
