import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished, vi } from "vitest";
import { register } from "../../_built.ts";
import { oauthServer, type OAuthServer } from "../_oauth-server.ts";
import { folder } from "../_kind.ts";
import type { Answers, ProxyOrder } from "./_g1-child.ts";

const path = ".waygate/credentials/club/ann.json";

interface Child {
  send(order: ProxyOrder | number): Promise<Answers>;
}

async function child(): Promise<Child> {
  const started: ChildProcess = fork(fileURLToPath(new URL("_g1-child.ts", import.meta.url)), {
    execArgv: ["--import", register],
  });
  const gone = new Promise<void>((resolve) => started.once("exit", () => resolve()));
  onTestFinished(async () => {
    started.kill("SIGKILL");
    await gone;
  });
  const next = (): Promise<Answers> =>
    new Promise((resolve, reject) => {
      started.once("message", (message) => resolve(message as Answers));
      void gone.then(() => reject(new Error("the process has ended")));
    });
  await next();
  return {
    send(order) {
      started.send(order);
      return next();
    },
  };
}

/** Takes the newest token alone, so that a process which has an older one has to notice. */
async function upstream(server: OAuthServer): Promise<string> {
  const http = createServer((request, response) => {
    request.resume();
    const isKnown = server.accepts(request.headers.authorization?.replace("Bearer ", "") ?? "");
    const message = { role: "assistant", content: "hello" };
    const answer = { id: "1", object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }] };
    const body = isKnown ? answer : { error: { message: "Token expired" } };
    response.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

it("G1 three proxies in three processes renew a token that is good for one use once, and all three go on answering", async () => {
  await using server = await oauthServer({ refreshTokens: "rotate", refreshDelay: 100 });
  const first = server.issue();
  const root = folder({ [path]: { ...first, expiry_date: 1, email: "ann@example.com", unknown: { kept: true } } });
  const order = { root, tokenURL: server.tokenURL, upstreamURL: await upstream(server) };
  const children = await Promise.all([child(), child(), child()]);
  const ask = async (): Promise<readonly number[]> => {
    const answers = await Promise.all(children.map((each) => each.send(4)));
    expect(answers.flatMap(({ warnings }) => warnings)).toEqual([]);
    return answers.flatMap(({ statuses }) => statuses);
  };
  const allGood = Array.from({ length: 12 }, () => 200);
  const stored = (): { readonly [name: string]: unknown } =>
    JSON.parse(readFileSync(join(root, path), "utf8")) as { readonly [name: string]: unknown };

  // Its end has come before they start.
  await Promise.all(children.map((each) => each.send(order)));
  expect(await ask()).toEqual(allGood);
  expect(server.refreshes).toBe(1);

  // The upstream takes it no more, though it should last: somebody has renewed it who does not share the file's lock.
  const now = server.issue();
  writeFileSync(join(root, path), JSON.stringify({ ...stored(), refresh_token: now.refresh_token }));
  expect(await ask()).toEqual(allGood);
  expect(server.refreshes).toBe(2);

  // Its end comes while they run.
  writeFileSync(join(root, path), JSON.stringify({ ...stored(), expiry_date: Date.now() + 1000 }));
  await vi.waitFor(() => expect(server.refreshes).toBe(3), { timeout: 10_000, interval: 50 });
  expect(await ask()).toEqual(allGood);
  expect(server.refreshes).toBe(3);
  // Nobody has ever sent a refresh token for the second time.
  expect(server.forms).toHaveLength(3);
  expect(stored()).toMatchObject({ email: "ann@example.com", unknown: { kept: true } });
  expect(stored()["refresh_token"]).not.toBe(now.refresh_token);
}, 30_000);
