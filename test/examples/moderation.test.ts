import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { echo } from "waygate/plugins/echo";
import { createTestProxy, type TestProxy } from "waygate/testing";
import { moderation, type ModerationOptions } from "../../examples/guardrail/moderation.ts";

async function service(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/check`;
}

const start = (options: ModerationOptions): Promise<TestProxy> =>
  createTestProxy({ plugins: [moderation(options), echo()] });

const ask = async (proxy: TestProxy, content: string): Promise<[number, string | undefined]> => {
  const response = await proxy.chat({ model: "echo/echo", messages: [{ role: "user", content }] });
  const { error } = (await response.json()) as { error?: { message: string } };
  return [response.status, error?.message.split(". ", 1)[0]];
};

it("examples/guardrail: a service says which prompts go on", async () => {
  const url = await service((request, response) => {
    void text(request).then((body) => {
      const allowed = !(JSON.parse(body) as { text: string }).text.includes("bad");
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(allowed ? { allowed } : { allowed, reason: "Mind your words." }));
    });
  });
  await using proxy = await start({ url });
  expect(await ask(proxy, "good")).toEqual([200, undefined]);
  expect(await ask(proxy, "bad")).toEqual([400, "Mind your words"]);
});

it.each<[string, RequestListener]>([
  ["is silent", () => {}],
  ["fails", (_, response) => response.writeHead(500).end("oops")],
  ["hangs up", (request) => request.socket.destroy()],
])(
  "examples/guardrail: when the service %s, requests are refused or let through, as was chosen",
  async (_, listener) => {
    const url = await service(listener);
    await using closed = await start({ url, timeout: 100 });
    expect(await ask(closed, "good")).toEqual([503, "Prompts cannot be checked now"]);
    await using open = await start({ url, timeout: 100, whenAway: "allow" });
    expect(await ask(open, "good")).toEqual([200, undefined]);
    expect(open.logged.join("\n")).toContain("The moderation service is away");
  },
);

it("examples/guardrail: a client that leaves is not waited for", async () => {
  let asked = (): void => {};
  const arrived = new Promise<void>((resolve) => (asked = resolve));
  const url = await service(() => asked());
  await using proxy = await start({ url, timeout: 60_000 });
  const leaving = new AbortController();
  const sent = proxy.chat({ model: "echo/echo" }, { signal: leaving.signal });
  await arrived;
  leaving.abort();
  await sent.catch(() => undefined);
  expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
});
