import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createGoogle } from "../_google/google.ts";
import { failure } from "../_google/types.ts";
import { bareLimit } from "../_google/failures.ts";
import { clientId, lab, secret } from "./_lab.ts";

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("google 14.53 hosts are asked in their order: the next one after a lost connection and after 5xx, not after a limit", async () => {
  await using google = await createGoogle({ clients: { [clientId]: secret } });
  const hosts = [`http://127.0.0.1:${await closedPort()}/v1internal`, google.base("daily"), google.base("prod")];
  await using it = await lab({ cli: { baseURL: hosts } });
  for (const [token, session] of it.google.oauth.sessions) google.oauth.sessions.set(token, session);
  google.reply(failure(500, "INTERNAL", "Internal error encountered."));
  expect((await it.ask()).status).toBe(200);
  expect(google.generated.map(({ host }) => host)).toEqual(["daily", "prod"]);
  expect(it.rests()).toEqual([]);
  google.reply(bareLimit);
  await it.ask();
  expect(google.generated.slice(2).map(({ host }) => host)).toEqual(["daily", "daily"]);
});
