import { once } from "node:events";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { createProxy, definePlugin, type Proxy, serve } from "waygate";
import { echo } from "waygate/plugins/echo";
import {
  answer,
  createTestProxy,
  createUpstream,
  gate,
  silence,
  stream,
  chunk,
  textOfEvents,
  allEvents,
} from "waygate/testing";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { head, raw } from "./_raw.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
const make = (more: object = {}): Proxy => createProxy({ plugins: [echo()], log: { level: "silent" }, ...more });

describe("serve", () => {
  it("takes a free port for 0 and says which", async () => {
    const [one, two] = [make(), make()];
    const servings = [await serve(one, { port: 0 }), await serve(two, { port: 0 })];
    expect(new Set(servings.map((each) => each.port)).size).toBe(2);
    for (const serving of servings) {
      expect(serving.url).toBe(`http://127.0.0.1:${serving.port}`);
      expect((await fetch(`${serving.url}/health`)).status).toBe(200);
      await serving.close(0);
    }
    await Promise.all([one.close(), two.close()]);
  });

  it("rejects with EADDRINUSE when the port is taken, and takes no other", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as { port: number };
    const proxy = make();
    await expect(serve(proxy, { port })).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: expect.stringContaining(`${port}`) as string,
    });
    squatter.close();
    await once(squatter, "close");
    // The same port, once it is free.
    const serving = await serve(proxy, { port });
    expect(serving.port).toBe(port);
    await serving.close(0);
    await proxy.close();
  });

  it.skipIf(!hasIPv6)("listens on IPv6 loopback and writes its URL in brackets", async () => {
    const proxy = make();
    const serving = await serve(proxy, { host: "::1", port: 0 });
    expect(serving.url).toBe(`http://[::1]:${serving.port}`);
    expect((await fetch(`${serving.url}/health`)).status).toBe(200);
    await serving.close(0);
    await proxy.close();
  });

  it("names a port that browsers refuse instead of moving to another", async () => {
    const proxy = make();
    await expect(serve(proxy, { port: 6000 })).rejects.toThrow(/6000/);
    await proxy.close();
  });

  it("answers a request under way with the old proxy and the next with the new one after a swap", async () => {
    await using upstream = await createUpstream();
    const hold = gate();
    upstream.always(stream([chunk({ content: "old " }), hold, chunk({ content: "end" }, { finish: "stop" })]));
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    const [before, after] = [make({ plugins: [lab] }), make()];
    const serving = await serve(before, { port: 0 });
    const body = JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] });
    const response = await fetch(`${serving.url}/v1/chat/completions`, { method: "POST", body });
    await hold.reached;
    serving.swap(after);
    const models = (await (await fetch(`${serving.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(["echo/echo"]);
    hold.open();
    expect(textOfEvents(await allEvents(response))).toBe("old end");
    await serving.close(0);
    await Promise.all([before.close(), after.close()]);
  });

  it("H5 waits for streams under way when it closes, and answers new work with 503 and when to come back", async () => {
    await using upstream = await createUpstream();
    const hold = gate();
    upstream.always(stream([chunk({ content: "last " }), hold, chunk({ content: "words" }, { finish: "stop" })]));
    const proxy = make({
      plugins: [openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] })],
    });
    const serving = await serve(proxy, { port: 0 });
    const body = JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] });
    const response = await fetch(`${serving.url}/v1/chat/completions`, { method: "POST", body });
    await hold.reached;
    let isClosed = false;
    const closing = serving.close().then(() => (isClosed = true));
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const refused = await fetch(serving.url + path, { method: "POST", body });
      expect(refused.status).toBe(503);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect(refused.headers.get("connection")).toBe("close");
      expect(await refused.text()).toContain("shutting down");
    }
    const health = await fetch(`${serving.url}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ error: { code: "shutting_down" } });
    expect(upstream.requests).toHaveLength(1);
    expect(isClosed).toBe(false);
    hold.open();
    expect(textOfEvents(await allEvents(response))).toBe("last words");
    await closing;
    await expect(fetch(`${serving.url}/health`)).rejects.toThrow("fetch failed");
    await proxy.close();
  });

  it("H5 takes the time to drain from the config, and waits for what a proxy before a swap has under way", async () => {
    await using upstream = await createUpstream({ step: silence() });
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    const [before, after] = [make({ plugins: [lab] }), make({ server: { drain: 100 } })];
    const serving = await serve(before, { port: 0 });
    const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "x" }] });
    const pending = fetch(`${serving.url}/v1/chat/completions`, { method: "POST", body }).catch(
      (error: unknown) => error,
    );
    const request = await upstream.received(1);
    void serving.swap(after);
    const began = performance.now();
    await serving.close();
    expect(performance.now() - began).toBeGreaterThanOrEqual(95);
    expect(await pending).toBeInstanceOf(TypeError);
    expect(await request.closed).toBe("client");
    await Promise.all([before.close(), after.close()]);
  });

  it("ends what does not end by itself when the time to drain is over, and the upstream with it", async () => {
    await using upstream = await createUpstream({ step: silence() });
    const proxy = make({
      plugins: [openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] })],
    });
    const serving = await serve(proxy, { port: 0 });
    const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "x" }] });
    const pending = fetch(`${serving.url}/v1/chat/completions`, { method: "POST", body }).catch(
      (error: unknown) => error,
    );
    const request = await upstream.received(1);
    await serving.close(20);
    expect(await pending).toBeInstanceOf(TypeError);
    expect(await request.closed).toBe("client");
    await proxy.close();
  });

  it("survives a client that breaks off at any point of its request", async () => {
    await using upstream = await createUpstream({ step: answer() });
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    await using proxy = await createTestProxy({ plugins: [lab], listen: true });
    const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "x" }] });
    const whole = head(
      "POST /v1/chat/completions",
      { "content-length": body.length, "content-type": "application/json" },
      body,
    );
    for (let length = 1; length <= whole.length; length += 3) {
      const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
      await once(socket, "connect");
      socket.write(whole.slice(0, length));
      await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    const last = await raw(proxy.url, [whole.replace("host:", "connection: close\r\nhost:")]);
    expect(last.status).toBe(200);
  });

  it("survives a route that gives up its own request while it is answered", async () => {
    const rude = definePlugin({
      name: "rude",
      routes: {
        "POST /rude": (event) => {
          event.runtime?.node?.req.destroy();
          return "gone";
        },
      },
    });
    await using proxy = await createTestProxy({ plugins: [echo(), rude], listen: true });
    for (let count = 0; count < 3; count++) {
      await raw(proxy.url, [head("POST /rude", { "transfer-encoding": "chunked" }, "5\r\nhello\r\n")]);
    }
    expect((await proxy.fetch("/health")).status).toBe(200);
  });

  it("leaves no connection half open to a client that sent nonsense and stays", async () => {
    const proxy = make();
    const serving = await serve(proxy, { port: 0 });
    const socket = connect({ port: serving.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => undefined);
    socket.write("nonsense\r\n\r\n");
    socket.resume();
    await once(socket, "end");
    // Would wait for the connection, were there one.
    await serving.close(60_000);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await proxy.close();
  });
});
