import { describe, expect, test } from "vitest";
import { folderWith, run } from "./spawn.ts";

const config = `
import { definePlugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
const address = "http://127.0.0.1:9/v1";
export default {
  plugins: [
    openaiCompatible({ name: "lab", baseURL: address, models: ["a"], keys: [
      { value: "lab-key-lab-key-lab-1111", label: "mia" }, "lab-key-lab-key-lab-2222", { value: "lab-key-lab-key-lab-3333", label: "uli" },
    ] }),
    openaiCompatible({ name: "idle", baseURL: address, models: ["b"], keys: [] }),
    resilience(), echo(),
    definePlugin({
      name: "no-uli",
      hooks: { selectKey: { precedence: "drop", handler: (candidates, ctx, selection) => candidates.filter((candidate) => {
        if (candidate.credential.label !== "uli") return true;
        selection.drop(candidate, { reason: "not on Mondays", until: Date.UTC(2100, 0, 1) });
        return false;
      }) } },
      setup(app) {
        app.credentials.rest({ provider: "lab", credential: app.credentials.list("lab")[0].id },
          { state: "invalid", until: Infinity, policy: "cooldown", reason: "401 twice", kind: "dead" });
      },
    }),
  ],
  models: { smart: ["lab/a", "idle/b", "echo/echo"] },
};`;

describe("proxy explain", () => {
  test("lists who would be asked in order with reasons, then who would not and when each is back", async () => {
    const cwd = folderWith({ "proxy.config.mjs": config });
    const { code, stdout, stderr } = await run(["explain", "smart"], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "2 of 5 would be tried.\n" });
    expect(
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split("\t")),
    ).toEqual([
      ["1", "lab/a", "lab-…2222", "ready", ""],
      ["2", "echo/echo", "anonymous", "alias: target 3", ""],
      ["skipped", "lab/a", "uli", "no-uli: not on Mondays", "2100-01-01T00:00:00.000Z"],
      ["skipped", "lab/a", "mia", "cooldown: invalid: 401 twice", "needs you"],
      ["skipped", "idle/b", "", "no key, inactive", ""],
    ]);
  });

  test("names the nearest model for one that nobody has, as one document with --json", async () => {
    const cwd = folderWith({ "proxy.config.mjs": config });
    const { code, stdout, stderr } = await run(["explain", "smrat", "--json"], { cwd });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "model_not_found", problems: [{ fix: "proxy explain smart" }] },
    });
  });
});
