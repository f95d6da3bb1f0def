/** What `proxy keys` does to a key of a running server, and what `check` and `explain` say of `errors`. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { folderWith, run, startServer } from "./spawn.ts";

const configFor = (port: number): string => `
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
export default {
  plugins: [
    openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:${port}", models: ["m"], keys: [
      { value: "sk-lab-0123456789-one1", label: "mia" }, "sk-lab-0123456789-two2",
    ] }),
    echo(), resilience(),
  ],
  errors: [
    { status: [429, "5xx"], match: "/pool/i", provider: "lab", then: "quota_exhausted", cooldown: "90s" },
    { provider: "echo", then: "stop" },
  ],
};`;

test("a key is disabled, probed and enabled in the running server, by label, mask or id (reports 8, 21)", async () => {
  const upstream = createServer((req, res) => {
    const isGood = req.headers.authorization?.endsWith("one1");
    res.writeHead(isGood ? 400 : 401, { "content-type": "application/json" }).end('{"error":{"message":"no"}}');
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const cwd = folderWith({ "proxy.config.mjs": configFor((upstream.address() as AddressInfo).port) });

  const alone = await run(["keys", "disable", "mia"], { cwd });
  expect(alone.code).toBe(1);
  expect(alone.stderr).toMatch(/no_server[\s\S]*fix {2}proxy start/);

  await startServer(["--port", "0"], { cwd });
  const keys = (...args: string[]): ReturnType<typeof run> => run(["keys", ...args], { cwd });
  const off = await keys("disable", "mia", "--reason", "moving account");
  expect([off.code, off.stdout]).toEqual([0, "‖ lab mia  disabled  moving account\n"]);
  const [shown, works, refused, strange, wrong, half] = await Promise.all([
    keys("--state", "disabled"),
    keys("probe", "lab/mia", "--json"),
    keys("probe", "sk-l…two2"),
    keys("probe", "mai"),
    keys("remove", "mia"),
    keys("enable"),
  ]);
  expect(shown.stdout).toMatch(/^lab\t\tmia\tdisabled\t\t0\t0\tmoving account\n$/);
  expect(JSON.parse(works.stdout)).toMatchObject({ state: "disabled", probe: { ok: true, by: "completion" } });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^It does not answer: /);
  expect([strange.code, strange.stderr]).toEqual([2, expect.stringMatching(/There is no key "mai"[\s\S]*"mia"/)]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/cannot "remove"/)]);
  expect([half.code, half.stderr]).toEqual([2, expect.stringMatching(/needs a KEY/)]);
  const on = await keys("enable", "mia");
  expect([on.code, on.stdout]).toEqual([0, "● lab mia  active\n"]);
});

test("check lists the rules of errors, explain those that may concern a target", async () => {
  const cwd = folderWith({ "proxy.config.mjs": configFor(9) });
  const [check, explain] = await Promise.all([run(["check"], { cwd }), run(["explain", "lab/m", "--json"], { cwd })]);
  const rule = "429, 5xx /pool/i of lab → quota_exhausted, rests 90 s";
  expect(check.stdout).toContain(`\nerrors\t${rule}\tof echo → stop`);
  expect(JSON.parse(explain.stdout)).toMatchObject({ errors: [`errors[0]  ${rule}`] });
});
