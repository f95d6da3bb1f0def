import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { folderWith, startServer } from "./spawn.ts";

const configFor = (port: number, alias: string): string => `
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
export default {
  plugins: [
    openaiCompatible({ name: "up", baseURL: "http://127.0.0.1:${port}/v1", keys: ["key-one", "key-two"], models: ["m"] }),
    resilience(),
  ],
  models: { ${alias}: "up/m" },
};`;

async function upstream(answer: (key: string, res: ServerResponse) => void): Promise<number> {
  const server = createServer((req: IncomingMessage, res) => {
    req.resume().on("end", () => answer(req.headers.authorization?.replace("Bearer ", "") ?? "", res));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const completion = JSON.stringify({
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "late" }, finish_reason: "stop" }],
});

test("H4 a good reload takes over while requests under way finish on the old config, a bad one changes nothing, and a signal waits for them", async () => {
  const held: ServerResponse[] = [];
  const asked: string[] = [];
  let isHolding = true;
  const port = await upstream((key, res) => {
    asked.push(key);
    if (key === "key-one") {
      res.writeHead(429, { "retry-after": "3600" }).end("{}");
    } else if (isHolding) held.push(res);
    else res.writeHead(200, { "content-type": "application/json" }).end(completion);
  });
  const cwd = folderWith({ "proxy.config.ts": configFor(port, "before") });
  const file = join(cwd, "proxy.config.ts");
  const server = await startServer(["--port", "0", "--watch"], { cwd });
  const ask = (model: string): Promise<Response> =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
    });

  // Asks until the key that is limited has been met and rests, so that the reload has something to keep.
  const underWay: Promise<Response>[] = [];
  for (let turn = 0; turn < 20 && !asked.includes("key-one"); turn++) {
    const before = asked.length;
    underWay.push(ask("before"));
    await expect.poll(() => asked.length > before && asked.at(-1) === "key-two").toBe(true);
  }
  expect(asked).toContain("key-one");

  writeFileSync(file, configFor(port, "after"));
  await server.saw(/reloaded proxy\.config\.ts in .*2 of 2 keys usable/);

  isHolding = false;
  asked.length = 0;
  expect((await ask("before")).status).toBe(404);
  for (let turn = 0; turn < 5; turn++) expect((await ask("after")).status).toBe(200);
  expect(new Set(asked)).toEqual(new Set(["key-two"]));

  for (const res of held) res.writeHead(200, { "content-type": "application/json" }).end(completion);
  for (const response of await Promise.all(underWay))
    expect(await response.json()).toMatchObject({ model: expect.any(String) as string });

  writeFileSync(file, configFor(port, "after").replace("models: {", "modles: {"));
  await server.saw(
    /✘ .*modles.*config_invalid\n {2}at +proxy\.config\.ts:\d+[\s\S]*Not reloaded: the config before goes on/,
  );
  expect((await ask("after")).status).toBe(200);

  isHolding = true;
  held.length = 0;
  const last = ask("after");
  await expect.poll(() => held.length).toBe(1);
  const ended = server.stop("SIGTERM");
  await server.saw(/SIGTERM: no new requests/);
  expect((await ask("after")).status).toBe(503);
  held[0]?.writeHead(200, { "content-type": "application/json" }).end(completion);
  expect((await last).status).toBe(200);
  expect(await ended).toBe(0);
});
