/** `proxy users`, with a server that runs and without one. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, run, startServer } from "./spawn.ts";

const config = `
import { echo } from "waygate/plugins/echo";
import { users } from "waygate/plugins/users";
export default { plugins: [echo(), users()] };`;

const ask = (url: string, token: string): Promise<number> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hello" }] }),
  }).then(({ status }) => status);

test("users are made without a server and let in by one, and edited while it runs", { timeout: 60_000 }, async () => {
  const cwd = folderWith({ "proxy.config.mjs": config });
  const users = (...args: string[]): ReturnType<typeof run> => run(["users", ...args], { cwd });
  const made = await users("add", "Mia 🦊", "--quota", "requests/daily=2", "--limits", "rpm=50,concurrency=3");
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^wg-[\w-]{43}\n$/)]);
  expect(made.stderr).toContain("shown this once");
  const token = made.stdout.trim();

  const server = await startServer(["--port", "0"], { cwd });
  expect([await ask(server.url, token), await ask(server.url, "wg-wrong")]).toEqual([200, 401]);
  const listed = await users("list");
  expect(listed.stdout).toMatch(/^Mia 🦊\t\w+\tnormal\tactive\t\t[\d-]+T\S+Z\t1 of 2 requests daily\n$/u);
  const shown = await users("show", "Mia 🦊", "--json");
  expect(JSON.parse(shown.stdout)).toMatchObject({
    server: server.url,
    name: "Mia 🦊",
    limits: { rpm: 50, concurrency: 3 },
  });
  expect(shown.stdout).not.toContain(token);
  const { id } = JSON.parse(shown.stdout) as { id: string };

  expect((await users("disable", id, "--reason", "on leave")).stdout).toContain("disabled");
  expect(await ask(server.url, token)).toBe(403);
  await users("enable", id);
  const raised = await users("quota", id, "requests/daily=5", "echo*:tokens/monthly=1000000");
  expect(raised.stdout).toMatch(/1 of 5 requests daily[\s\S]*0 of 1,000,000 tokens monthly for echo\*/);
  const edit = await users(
    "edit",
    id,
    "--name",
    "Mia M.",
    "--quota",
    "requests/daily=none",
    "--group",
    "none",
    "--json",
  );
  expect(JSON.parse(edit.stdout)).toMatchObject({ name: "Mia M.", quotas: [{ unit: "tokens" }], version: 5 });
  const rotated = await users("rotate", "Mia M.");
  expect([await ask(server.url, token), await ask(server.url, rotated.stdout.trim())]).toEqual([401, 200]);
  expect((await users("groups", "add", "team", "--quota", "cost/monthly=5")).code).toBe(0);
  expect((await users("groups", "list")).stdout).toBe("team\tteam\t0\t$0 of $5 monthly\n");

  const asked = await users("remove", id);
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining("--yes")]);
  expect((await users("export", "people.json")).code).toBe(0);
  expect(statSync(join(cwd, "people.json")).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(cwd, "people.json"), "utf8")).not.toContain(rotated.stdout.trim());
  expect((await users("remove", id, "--yes")).stdout).toBe("Removed Mia M..\n");
  expect((await users("import", "people.json")).stdout).toBe("Imported 1 user and 0 groups; 1 were there already.\n");
  expect(await ask(server.url, rotated.stdout.trim())).toBe(200);
});

test("what is wrong is said with what to do", { timeout: 60_000 }, async () => {
  const cwd = folderWith({ "proxy.config.mjs": config });
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["lits"], 2, /cannot "lits"[\s\S]*proxy users list/],
    [["show", "nobody"], 2, /There is no user "nobody"/],
    [["show"], 2, /Which user\?/],
    [["add", "--quota", "tokens=5"], 2, /is no quota[\s\S]*UNIT\/PERIOD=AMOUNT/],
    [["add", "--quota", "tokens/weekly=5"], 1, /quotas\[0\]\.period/],
    [["add", "--kind", "admin"], 1, /"kind" is one of normal, special, temporary/],
    [["add", "--lifetime", "soon"], 2, /--lifetime 24h/],
    [["import", "missing.json"], 1, /missing\.json cannot be used/],
  ];
  for (const [args, code, said] of wrong) {
    const { stderr, ...rest } = await run(["users", ...args], { cwd });
    expect([args, rest.code, stderr]).toEqual([args, code, expect.stringMatching(said)]);
  }
  const without = folderWith({ "proxy.config.mjs": config.replace(", users()", "") });
  const { code, stderr } = await run(["users"], { cwd: without });
  expect([code, stderr]).toEqual([1, expect.stringContaining("Add users() to plugins.")]);
});
