/** The command as people run it. What single runs add up to is in simulate-run.test.ts. */
import { createServer } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { folderWith, run, type Run } from "./spawn.ts";

const config = `
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
export default { plugins: [
  openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9/v1", models: ["a"], keys: [
    { value: "lab-key-lab-key-lab-1111", limits: { rpd: 100 } },
  ] }),
  resilience(),
] };`;

/** 150 requests a day for two days, in UTC. */
const short = ["--rate", "150/d", "--duration", "2d"];
const simulate = (cwd: string, ...args: string[]): Promise<Run> =>
  run(["simulate", ...args], { cwd, env: { TZ: "UTC" } });

interface Report {
  readonly requests: number;
  readonly assumptions: readonly object[];
  readonly columns: readonly {
    readonly name: string;
    readonly refused: number;
    readonly refusedPerHour: readonly { readonly at: string; readonly refused: number }[];
    readonly firstDry: { readonly at: string } | null;
    readonly keys: readonly { readonly key: string; readonly sent: number; readonly usedUp: readonly object[] }[];
  }[];
  readonly notes: readonly string[];
  readonly summary: string;
}

const read = ({ stdout }: Run): Report => JSON.parse(stdout) as Report;

describe("proxy simulate", () => {
  test("tells what a day's limit refuses, when the key is used up, and that one more key would do", async () => {
    const found = await simulate(folderWith({ "proxy.config.mjs": config }), ...short, "--json");
    expect(found).toMatchObject({ code: 0 });
    const report = read(found);
    const [asItIs, more] = report.columns;
    expect(report.assumptions).toMatchObject([{ provider: "lab", keys: 1, limitsFrom: "config", rpd: 100, errors: 0 }]);
    expect(asItIs).toMatchObject({ name: "as it is", refused: 100 });
    const days = Map.groupBy(asItIs!.refusedPerHour, ({ at }) => (at < "2026-01-06T03" ? 1 : 2));
    expect([...days].map(([day, hours]) => [day, hours.reduce((sum, { refused }) => sum + refused, 0)])).toEqual([
      [1, 50],
      [2, 50],
    ]);
    // Used up right before the first is refused.
    expect(asItIs!.firstDry!.at.slice(0, 13)).toBe(asItIs!.refusedPerHour[0]!.at.slice(0, 13));
    expect(asItIs!.keys).toMatchObject([{ key: "lab-…1111", usedUp: [{}, {}] }]);
    expect(more).toMatchObject({ name: "+1 lab key", refused: 0, firstDry: null });
    expect(report.summary).toMatch(
      /^100 refused of 300 requests, 33%\. lab lab-…1111 is used up first, Mon \d\d:\d\d, and 1 more time\. One more lab key removes all refusals\.$/,
    );
  });

  test("gives programs lines with tabs on stdout and says the rest on stderr", async () => {
    const { code, stdout, stderr } = await simulate(folderWith({ "proxy.config.mjs": config }), ...short);
    expect(code).toBe(0);
    const rows = stdout.trimEnd().split("\n");
    expect(rows[0]).toBe("simulated\t2026-01-05T03:00:00.000Z\t2026-01-07T03:00:00.000Z\t300\t42");
    expect(rows).toContain("refused\tas it is\t100");
    expect(rows).toContain("refused\t+1 lab key\t0");
    expect(stderr).toContain("lab  1 key, 100 rpd (config), 800 ms, 50 tokens/s, no failures");
    expect(stderr).toMatch(/One more lab key removes all refusals\.\nsimulated in .+\n$/);
  });

  test(
    "says the same for the same seed, byte for byte, and something else for another",
    { timeout: 60_000 },
    async () => {
      const cwd = folderWith({ "proxy.config.mjs": config });
      const args = [...short, "--shape", "day", "--assume", "*:errors=10%", "--add", "lab:2"];
      const [one, again, other] = await Promise.all([
        simulate(cwd, ...args, "--json"),
        simulate(cwd, ...args, "--json"),
        simulate(cwd, ...args, "--json", "--seed", "7"),
      ]);
      expect(one.code).toBe(0);
      expect(again.stdout).toBe(one.stdout);
      expect(other.stdout).not.toBe(one.stdout);
    },
  );

  test("reaches nobody: not the providers, and not whom plugins would call by themselves", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const calling = `
import { connect } from "node:net";
import { request } from "node:http";
import { definePlugin } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { healthCheck } from "waygate/plugins/health-check";
import { resilience } from "waygate/plugins/resilience";
const quiet = () => {};
export default { plugins: [
  openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:${port}/v1", models: ["a"], discover: true, keys: ["lab-key-lab-key-lab-1111"] }),
  resilience(), healthCheck({ every: 60000 }),
  definePlugin({
    name: "calls-home",
    ready() { connect(${port}, "127.0.0.1").on("error", quiet); },
    hooks: { record: async () => {
      await fetch("http://127.0.0.1:${port}/seen").catch(quiet);
      request({ host: "127.0.0.1", port: ${port} }).on("error", quiet).end();
    } },
  }),
] };`;
    const cwd = folderWith({ "proxy.config.mjs": calling });
    const found = await simulate(cwd, "--rate", "20/d", "--duration", "1d", "--assume", "lab:errors=50%", "--json");
    expect(found.code).toBe(0);
    expect(connections).toBe(0);
    expect(read(found).notes).toContain(`A plugin wanted to reach 127.0.0.1:${port}; nothing was sent.`);
    expect(found.stdout).not.toContain("lab-key-lab-key");
  });

  test("replays what was recorded, at the times and with the sizes it has", async () => {
    const cwd = folderWith({ "proxy.config.mjs": config });
    const lines = Array.from({ length: 130 }, (_, index) => ({
      time: new Date(Date.UTC(2026, 10, 20, 10) + index * 60_000).toISOString(),
      ...(index > 0 && { model: "lab/a", client: "mia", input: 10, output: 1 }),
    }));
    const old = { time: "2026-11-01T00:00:00Z", model: "lab/a" };
    writeFileSync(join(cwd, "seen.jsonl"), [old, ...lines].map((line) => JSON.stringify(line)).join("\n"));
    const report = read(await simulate(cwd, "--from", "seen.jsonl", "--last", "1d", "--json"));
    expect(report.requests).toBe(130);
    expect(report.columns[0]).toMatchObject({ name: "as it was", refused: 30 });
    expect(report.columns[0]!.firstDry!.at).toMatch(/^2026-11-20T11:(?:39|4\d)/);
  });

  test("names the line of a recording that is none", async () => {
    const cwd = folderWith({
      "proxy.config.mjs": config,
      "seen.jsonl": '{"time":"2026-11-20T10:00:00Z"}\n{"model":"a"}',
    });
    const { code, stderr } = await simulate(cwd, "--from", "seen.jsonl");
    expect(code).toBe(1);
    expect(stderr).toMatch(/✘ A recorded request has no time +recording_invalid\n {2}at {3}seen\.jsonl:2/);
  });

  test("says when the ledger is empty, and what else can be read", async () => {
    const { code, stderr } = await simulate(folderWith({}), "--from", "ledger");
    expect(code).toBe(1);
    expect(stderr).toMatch(/recording_invalid[\s\S]*--from FILE\.jsonl/);
  });

  test("names the nearest model for one that no provider lists", async () => {
    const cwd = folderWith({ "proxy.config.mjs": config });
    const { code, stdout } = await simulate(cwd, "--model", "laab/a", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "model_not_found", problems: [{ fix: "proxy simulate --model lab/a" }] },
    });
  });

  test.each([
    [["--add", "laab:1"], /--add: there is no provider "laab"/, /fix {2}Write lab\./],
    [["--without", "lab/lab-…1112"], /There is no key "lab-…1112"/, /fix {2}Write "lab-…1111"\./],
    [["--swap", "1,2"], /--swap has no tiers to swap/, /tiers\(/],
    [["--rate", "often"], /--rate cannot be "often"/, /proxy simulate --help/],
    [["--form", "x"], /Unknown option --form/, /Write --from\./],
  ])("%j are wrong use", async (args, what, fix) => {
    const { code, stdout, stderr } = await simulate(folderWith({ "proxy.config.mjs": config }), ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(what);
    expect(stderr).toMatch(fix);
  });
});
