/** A start among providers that cannot list their models, and the commands that ask the server while it runs. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { KeysDocument } from "../../src/server/key-status.ts";
import type { ModelsDocument } from "../../src/server/model-status.ts";
import { folderWith, run, startServer } from "./spawn.ts";

async function listening(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Ports {
  readonly page: number;
  readonly silent: number;
  readonly many: number;
}

const configFor = ({ page, silent, many }: Ports): string => `
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
const at = (name, port, more) =>
  openaiCompatible({ name, baseURL: "http://127.0.0.1:" + port, keys: ["sk-" + name + "-0123456789-0123456789"], ...more });
export default {
  plugins: [at("page", ${page}), at("silent", ${silent}), at("many", ${many}, { tier: 2 }), echo(), resilience()],
  models: { smart: ["many/m1", "echo/echo"] },
};`;

test("a start waits for no list, says which is missing and why, and tells other commands its keys and models", async () => {
  const page = await listening((_, res) => void res.setHeader("content-type", "text/html").end("<html>Hello</html>"));
  const silent = await listening(() => undefined);
  const many = await listening((req, res) => {
    if (req.method !== "GET") return void res.writeHead(401, { "content-type": "application/json" }).end("{}");
    const data = Array.from({ length: 5000 }, (_, index) => ({ id: `m${index % 4000}` }));
    res.setHeader("content-type", "application/json").end(JSON.stringify({ data }));
  });
  const cwd = folderWith({ "proxy.config.mjs": configFor({ page, silent, many }) });

  const server = await startServer(["--port", "0"], { cwd });
  expect(Number(/ready in (\d+) ms/.exec(server.output())?.[1])).toBeLessThan(5000);
  await server.saw(/call +4 providers, .*asking .*silent/);
  await server.saw(/page could not list its models: GET \S+: the answer is a web page, not a list of models\. None/);
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "smart", messages: [{ role: "user", content: "hi" }] }),
  });
  expect(answer.headers.get("x-fallback-provider")).toBe("echo");

  const file = join(cwd, ".waygate", "run.json");
  expect([statSync(file).mode & 0o777, statSync(join(cwd, ".waygate")).mode & 0o777]).toEqual([0o600, 0o700]);
  const { token } = JSON.parse(readFileSync(file, "utf8")) as { token: string };
  // The server that runs is asked also when its config has been broken since.
  writeFileSync(join(cwd, "proxy.config.mjs"), "export default {");
  const env = { HTTP_PROXY: "http://127.0.0.1:1", NODE_USE_ENV_PROXY: "1" };
  const [keys, table, models] = await Promise.all([
    run(["keys", "--json", "--provider", "many"], { cwd, env }),
    run(["keys", "--state", "cooling"], { cwd }),
    run(["models", "--json"], { cwd }),
  ]);
  expect({ code: keys.code, stderr: keys.stderr }).toEqual({ code: 0, stderr: "" });
  const { server: asked, providers } = JSON.parse(keys.stdout) as KeysDocument & { server: string };
  expect(asked).toBe(server.url);
  expect(providers).toMatchObject([
    { provider: "many", tier: 2, keys: [{ masked: "sk-m…6789", state: "cooling", usesToday: 1, inFlight: 0 }] },
  ]);
  expect(table.stdout).toMatch(/^many\t2\tsk-m…6789\tcooling\t\d{4}-\S+Z\t0\t1\t401, 300 s\n$/);
  expect(table.stderr).toBe("2 usable, 1 coming back\n");
  const list = JSON.parse(models.stdout) as ModelsDocument;
  expect(list.models).toHaveLength(4002);
  expect(list.models[0]).toMatchObject({ id: "smart", targets: ["many/m1", "echo/echo"], state: "ready" });
  expect(list.models[1]).toMatchObject({ id: "many/m0", state: "resting" });
  expect(list.providers).toMatchObject([
    { state: "failed" },
    {},
    { state: "listed", models: 4000 },
    { state: "stated" },
  ]);

  expect(await server.stop("SIGTERM")).toBe(0);
  expect(existsSync(file)).toBe(false);
  for (const hidden of [token, "0123456789-0"]) {
    for (const text of [server.output(), keys.stdout, table.stdout, models.stdout]) expect(text).not.toContain(hidden);
  }
});

test("without a server keys have no state, models are asked for within five seconds, and a data folder is not needed", async () => {
  const silent = await listening(() => undefined);
  const many = await listening((_, res) => void res.end('["m1"]'));
  const config = configFor({ page: silent, silent, many });
  const cwd = folderWith({
    "proxy.config.mjs": config.replace("models:", 'dataDir: "taken/here", models:'),
    taken: "a file, as on a disk that cannot be written",
  });
  const began = performance.now();
  const [keys, models, wrong, server] = await Promise.all([
    run(["keys"], { cwd }),
    run(["models", "--provider", "many"], { cwd }),
    run(["keys", "--state", "coolin"], { cwd }),
    startServer(["--port", "0"], { cwd }),
  ]);
  expect(performance.now() - began).toBeLessThan(12_000);
  expect(keys.code).toBe(0);
  expect(keys.stdout.split("\n")[0]).toBe("page\t\tsk-p…6789\tunknown\t\t0\t\t");
  expect(keys.stderr).toMatch(/^3 keys, states unknown\nNo state is known: no server runs .* proxy start\n$/);
  expect(models.code).toBe(0);
  expect(models.stdout).toBe("smart\tmany/m1, echo/echo\t\t\t\tready\t\nmany/m1\tmany/m1\t\t\t\tready\t\n");
  expect(models.stderr).toMatch(/1 model of 1 provider, 1 alias\nAsked here and now, in [45]\S* s: no server runs/);
  expect(wrong).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--state cooling") as string });

  expect(server.output().match(/data_dir_readonly/g)).toHaveLength(1);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect(await server.stop("SIGTERM")).toBe(0);
});
