/** Rules K3 and K4: a public address needs a key, and only a trusted proxy is believed about who is calling. */
import { describe, expect, it } from "vitest";
import { ConfigError, createProxy, type ServerConfig, serve } from "waygate";
import { echo } from "waygate/plugins/echo";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy } from "waygate/testing";

const quiet = { level: "silent" } as const;

describe("K3 a public bind without authentication", () => {
  it.each(["0.0.0.0", "::", "192.0.2.1", "gpu-1.example"])("K3 does not start on %s", async (host) => {
    for (const plugins of [[echo()], [echo(), proxyKey({ keys: "" })]]) {
      const proxy = createProxy({ plugins, log: quiet });
      const error = await serve(proxy, { host, port: 0 }).then(
        () => expect.fail("it listens"),
        (thrown: unknown) => thrown,
      );
      expect(ConfigError.is(error)).toBe(true);
      expect((error as ConfigError).problems).toMatchObject([{ code: "auth_required", path: ["server", "host"] }]);
      expect((error as ConfigError).message).toMatch(/PROXY_API_KEY/);
      await proxy.close();
    }
  });

  it("K3 is refused for the config's host as well", async () => {
    const proxy = createProxy({ plugins: [echo()], server: { host: "0.0.0.0", port: 0 }, log: quiet });
    await expect(serve(proxy)).rejects.toThrow(ConfigError);
    await proxy.close();
  });

  it("K3 cannot be brought in by a reload", async () => {
    const first = createProxy({ plugins: [echo(), proxyKey({ keys: "k-1" })], log: quiet });
    const serving = await serve(first, { host: "0.0.0.0", port: 0 });
    const second = createProxy({ plugins: [echo()], log: quiet });
    expect(() => serving.swap(second)).toThrow(ConfigError);
    const answer = await fetch(`http://127.0.0.1:${serving.port}/v1/models`);
    expect(answer.status).toBe(401);
    await serving.close(0);
    await first.close();
    await second.close();
  });

  it("K3 with a key it listens on every address", async () => {
    const proxy = createProxy({ plugins: [echo(), proxyKey({ keys: "k-1" })], log: quiet });
    const serving = await serve(proxy, { host: "0.0.0.0", port: 0 });
    expect(serving.url).toBe(`http://0.0.0.0:${serving.port}`);
    // All of 127.0.0.0/8 is this machine; one that binds 127.0.0.1 alone would refuse the second address.
    for (const address of ["127.0.0.1", "127.0.0.2"]) {
      const headers = { authorization: "Bearer k-1" };
      expect((await fetch(`http://${address}:${serving.port}/v1/models`, { headers })).status).toBe(200);
    }
    await serving.close(0);
    await proxy.close();
  });
});

describe("K4 the caller's address", () => {
  const forwarded = "203.0.113.9, 198.51.100.7 ,10.0.0.2";
  const cases: readonly [string, ServerConfig["trustProxy"], string, string][] = [
    ["nobody is trusted", undefined, forwarded, "127.0.0.1"],
    ["trust is off", false, forwarded, "127.0.0.1"],
    ["none is trusted", 0, forwarded, "127.0.0.1"],
    ["one proxy is trusted", 1, forwarded, "10.0.0.2"],
    ["two proxies are trusted", 2, forwarded, "198.51.100.7"],
    ["more are trusted than there are", 9, forwarded, "203.0.113.9"],
    ["all are trusted", true, forwarded, "203.0.113.9"],
    ["the socket's own proxy is trusted", ["127.0.0.1"], forwarded, "10.0.0.2"],
    ["two addresses are trusted", ["127.0.0.1", "10.0.0.2"], forwarded, "198.51.100.7"],
    ["another address is trusted", ["10.0.0.2"], forwarded, "127.0.0.1"],
    [
      "all of the chain are trusted",
      ["127.0.0.1", "10.0.0.2", "198.51.100.7", "203.0.113.9"],
      forwarded,
      "203.0.113.9",
    ],
    ["the trusted proxy says nothing", 1, "", "127.0.0.1"],
    ["the proxy writes IPv4 as IPv6", 1, "::ffff:192.0.2.4", "192.0.2.4"],
  ];

  it.each(cases)("K4 when %s", async (_, trustProxy, header, expected) => {
    const server = trustProxy === undefined ? {} : { trustProxy };
    await using proxy = await createTestProxy({ plugins: [echo()], server, listen: true });
    const headers = { "x-forwarded-for": header, forwarded: "for=203.0.113.1", "x-real-ip": "203.0.113.2" };
    await (await proxy.chat({ model: "echo/echo" }, { headers })).text();
    expect((await proxy.recorded(1)).ctx.ip).toBe(expected);
  });

  it("K4 where the host tells no address there is none, whatever a header says", async () => {
    await using proxy = await createTestProxy({ plugins: [echo()], server: { trustProxy: true } });
    await (await proxy.chat({ model: "echo/echo" }, { headers: { "x-forwarded-for": "203.0.113.9" } })).text();
    expect((await proxy.recorded(1)).ctx.ip).toBeUndefined();
  });
});
