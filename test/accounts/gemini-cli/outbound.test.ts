import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { lab } from "./_lab.ts";

/** Nobody listens there; only the outbound proxy knows where to go instead. */
const nowhere = "http://127.0.0.1:1";

/** An outbound proxy that leads everybody to one port. */
async function outbound(port: () => number): Promise<string> {
  const server = createServer((message, response) => {
    const { pathname, search } = new URL(message.url ?? "", nowhere);
    const options = { port: port(), path: pathname + search, method: message.method, headers: message.headers };
    const passed = request({ host: "127.0.0.1", ...options }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    message.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("google 14.52 tokens, project, quota and answers all go through the outbound proxy", async () => {
  let port = 0;
  const proxy = await outbound(() => port);
  await using it = await lab({
    accounts: { "u@example.com": {} },
    cli: {
      proxy,
      discover: true,
      startCheck: false,
      baseURL: `${nowhere}/prod/v1internal`,
      tokenURL: `${nowhere}/token`,
    },
  });
  port = Number(new URL(it.google.url).port);
  // The first token is refused, so that a new one is asked for.
  it.google.oauth.sessions.clear();
  const credential = it.proxy.app.credentials.list("gemini_cli")[0]!;
  await it.proxy.app.credentials.refresh(credential);
  expect((await it.ask()).status).toBe(200);
  await it.proxy.app.credentials.probe(it.proxy.app.credentials.list("gemini_cli")[0]!, { by: "list" });
  expect(it.google.oauth.grants).toEqual(["refresh_token"]);
  expect(it.google.controlled.map(({ method }) => method)).toEqual(
    expect.arrayContaining(["loadCodeAssist", "retrieveUserQuota"]),
  );
});
