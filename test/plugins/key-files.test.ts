import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConsola } from "consola";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { createProxy, type Plugin, type Principal } from "waygate";
import { g4f } from "waygate/plugins/g4f";
import { huggingface } from "waygate/plugins/huggingface";
import { openai } from "waygate/plugins/openai";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { puter } from "waygate/plugins/puter";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { type FakeApp, fakeApp, fakeContext, hookOf } from "./_fakes.ts";

afterEach(() => vi.unstubAllEnvs());

let writes = 0;
function write(file: string, text: string): void {
  writeFileSync(file, text);
  // A test is faster than the clock of a file system.
  utimesSync(file, 1, ++writes);
}

/** A file of keys, named by a variable. */
function secret(variable: string, text?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "waygate-keys-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "keys");
  if (text !== undefined) write(file, text);
  vi.stubEnv(variable, file);
  return file;
}

async function appWith(plugin: Plugin): Promise<FakeApp> {
  const app = fakeApp({ providers: plugin.providers ?? [] });
  await plugin.setup?.(app);
  return app;
}

function keysOf(app: FakeApp, provider: string): readonly string[] {
  return app.credentials.list(provider).map((credential) => (credential.data as { key: string }).key);
}

test("keys of files stand beside those of the environment, come and go with the file, and are as other keys (report 61)", async () => {
  vi.stubEnv("OPENAI_API_KEY", "from-env");
  const file = secret("OPENAI_API_KEYS_FILE", "one,two,from-env");
  const plugin = openai({ limits: { rpm: 3 } });
  const app = await appWith(plugin);
  expect(keysOf(app, "openai")).toEqual(["from-env", "one", "two"]);
  expect(app.credentials.list("openai")[2]?.limits).toEqual({ rpm: 3 });
  expect(JSON.stringify(app.credentials.list("openai"))).not.toContain("two");

  const kept = app.credentials.list("openai")[1];
  write(file, "one\nthree");
  await app.clock.advance(2000);
  expect(keysOf(app, "openai")).toEqual(["from-env", "one", "three"]);
  expect(app.credentials.list("openai")[1]).toBe(kept);

  await plugin.close?.(app);
  write(file, "four");
  await app.clock.advance(5000);
  expect(keysOf(app, "openai")).toEqual(["from-env", "one", "three"]);
});

test("keys that a config states leave files alone", async () => {
  secret("OPENAI_API_KEY_FILE", "in-file");
  const app = await appWith(openai({ keys: ["stated"] }));
  expect(keysOf(app, "openai")).toEqual(["stated"]);
  expect(app.clock.pending).toBe(0);
});

test("a file that is not there makes the provider inactive and is named, until it comes", async () => {
  const file = secret("OPENAI_API_KEY_FILE");
  const app = await appWith(openai());
  expect(keysOf(app, "openai")).toEqual([]);
  expect(app.lines).toEqual([expect.stringContaining(`OPENAI_API_KEY_FILE: ${file} is not there`)]);
  write(file, "late\n");
  await app.clock.advance(2000);
  expect(keysOf(app, "openai")).toEqual(["late"]);
});

test("a provider that needs no key uses those of its file, and none when there is none", async () => {
  const file = secret("LAB_API_KEY_FILE", "key");
  const app = await appWith(openaiCompatible({ name: "lab", baseURL: "http://gpu-1:8000/v1", keyless: true }));
  expect(keysOf(app, "lab")).toEqual(["key"]);
  rmSync(file);
  await app.clock.advance(2000);
  expect(keysOf(app, "lab")).toEqual([""]);
  write(file, "new");
  await app.clock.advance(2000);
  expect(keysOf(app, "lab")).toEqual(["new"]);
});

test("variables with other names have files too", async () => {
  secret("PUTER_AUTH_TOKEN_FILE", "token");
  expect(keysOf(await appWith(puter()), "puter")).toEqual(["token"]);
  secret("HF_TOKEN_FILE", "hf");
  expect(keysOf(await appWith(huggingface()), "huggingface")).toEqual(["hf"]);
});

test("the five endpoints of g4f share a file, and are closed together", async () => {
  const file = secret("G4F_API_KEY_FILE", "shared");
  const plugin = g4f();
  const app = await appWith(plugin);
  for (const { name } of plugin.providers!) expect(keysOf(app, name)).toEqual(["shared"]);
  write(file, "next");
  await app.clock.advance(2000);
  expect(keysOf(app, "g4f_grok")).toEqual(["next"]);
  await plugin.close?.(app);
  expect(app.clock.pending).toBe(0);
});

test("A13 a key that has left its file is not tried by a request under way, and one that has come is (report 61)", async () => {
  const held: { key: string; res: ServerResponse }[] = [];
  const server = createServer((req, res) => {
    const key = req.headers.authorization?.replace("Bearer ", "") ?? "";
    req.resume().on("end", () => held.push({ key, res }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const file = secret("LAB_API_KEYS_FILE", "first\nsecond");
  const clock = virtualClock();
  const lines: string[] = [];
  const log = createConsola({ level: 5, reporters: [{ log: ({ args }) => void lines.push(args.join(" ")) }] });
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const plugin = openaiCompatible({ name: "lab", baseURL, models: ["m"] });
  const proxy = createProxy({ plugins: [plugin] }, { runtime: { clock }, log });
  onTestFinished(() => proxy.close());
  const answer = proxy.fetch("http://localhost/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }] }),
  });

  await expect.poll(() => held.length).toBe(1);
  expect(held[0]!.key).toBe("first");
  write(file, "first\nthird");
  await clock.advance(2000);
  held[0]!.res.writeHead(429, { "retry-after": "60" }).end("{}");
  await expect.poll(() => held.length).toBe(2);
  expect(held[1]!.key).toBe("third");
  held[1]!.res
    .writeHead(200, { "content-type": "application/json" })
    .end(
      `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}`,
    );
  expect((await answer).status).toBe(200);
  for (const key of ["first", "second", "third"]) expect(lines.join("\n")).not.toContain(key);
});

test("the keys of clients may stand in a file and change there; without it nobody is let in", async () => {
  const file = secret("PROXY_API_KEY_FILE");
  const plugin = proxyKey();
  const app = await appWith(plugin);
  const caller = (key: string): Principal | undefined => {
    const req = new Request("http://localhost/v1/x", { headers: { "x-api-key": key } });
    return hookOf(plugin, "auth").handler(fakeContext(app, { req })) as Principal | undefined;
  };
  expect(caller("client-key")).toBeUndefined();
  expect(app.lines).toEqual([expect.stringContaining("PROXY_API_KEY_FILE")]);
  write(file, `client-key\n${"long".repeat(200)}`);
  await app.clock.advance(2000);
  expect(caller("client-key")).toBeDefined();
  expect(app.lines.at(-1)).toContain("longer than 512 bytes");
  write(file, "other-key");
  await app.clock.advance(2000);
  expect(caller("client-key")).toBeUndefined();
  expect(caller("other-key")).toBeDefined();
  await plugin.close?.(app);
  expect(app.clock.pending).toBe(0);
});
