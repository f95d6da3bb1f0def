import { describe, expect, it } from "vitest";
import type { PluginInput } from "waygate";
import { clientFilter, type ClientFilterOptions } from "waygate/plugins/client-filter";
import { echo } from "waygate/plugins/echo";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { addressList } from "../../plugins/client-filter/addresses.ts";
import { folder } from "../database/_folder.ts";

const key = "client-key";
const authorization = `Bearer ${key}`;

function start(options: ClientFilterOptions, more: Partial<TestProxyOptions> = {}): Promise<TestProxy> {
  const plugins: PluginInput[] = [proxyKey({ keys: key }), clientFilter(options), echo()];
  return createTestProxy({ server: { trustProxy: true }, ...more, plugins, listen: true, adminKey: "adm-secret" });
}

/** Status and code of a request that comes from an address. */
async function from(
  proxy: TestProxy,
  ip: string | undefined,
  path = "/v1/models",
  more: Record<string, string> = {},
): Promise<unknown> {
  const headers = { authorization, ...(ip !== undefined && { "x-forwarded-for": ip }), ...more };
  const response = await proxy.fetch(path, { headers });
  const text = await response.text();
  if (response.status === 200) return 200;
  return (JSON.parse(text) as { error: { code: string } }).error.code;
}

describe("addresses of clientFilter()", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.8", "::7", "garbage", ""]],
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "9.255.255.255", "::a00:0"]],
    ["10.1.2.3/24", ["10.1.2.0", "10.1.2.255"], ["10.1.3.0"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["2001:db8::1"]],
    ["2001:db8::/32", ["2001:db8::1", "2001:DB8:ffff::"], ["2001:db9::", "10.0.0.1"]],
    ["::/0", ["2001:db8::1", "::1"], []],
    ["fe80::1", ["fe80::1", "fe80::1%eth0"], ["fe80::2%eth0"]],
  ])("%s has %j and not %j", (entry, inside, outside) => {
    const onList = addressList([entry])!;
    expect(inside.filter((ip) => !onList(ip))).toEqual([]);
    expect(outside.filter((ip) => onList(ip))).toEqual([]);
    expect(onList(undefined)).toBe(false);
  });

  it.each([
    "10.0.0.0/33",
    "::1/129",
    "10.0.0",
    "010.0.0.1",
    "host.example",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "",
    "fe80::1%eth0",
  ])("%j is none, and a config with it does not start", (entry) => {
    expect(() => clientFilter({ block: [entry] })).toThrow(/is no address and no range/);
  });
});

describe("clientFilter()", () => {
  it("turns blocked addresses away on every route, in the client's protocol, before their key is looked at", async () => {
    await using proxy = await start({ block: ["192.0.2.0/24", "2001:db8::/32"] });
    for (const path of ["/", "/health", "/v1/models", "/v1/providers", "/api/keys/status"]) {
      expect(await from(proxy, "192.0.2.9", path)).toBe("ip_not_allowed");
    }
    expect(await from(proxy, "2001:db8::1")).toBe("ip_not_allowed");
    expect(await from(proxy, "192.0.3.9")).toBe(200);
    expect(await from(proxy, undefined)).toBe(200);
    const response = await proxy.fetch("/v1/messages", {
      method: "POST",
      headers: { "x-api-key": "wrong", "x-forwarded-for": "192.0.2.9" },
      body: "{",
    });
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { type: "error", error: { type: "permission_error" } },
    ]);
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(proxy.records).toEqual([]);
  });

  it("lets only allowed addresses in, but tells anybody that it is healthy", async () => {
    await using proxy = await start({ allow: ["198.51.100.0/24"], block: ["198.51.100.7"] });
    expect(await from(proxy, "198.51.100.8")).toBe(200);
    expect(await from(proxy, "198.51.100.7")).toBe("ip_not_allowed");
    expect(await from(proxy, "203.0.113.1")).toBe("ip_not_allowed");
    expect(await from(proxy, "203.0.113.1", "/health")).toBe(200);
    expect(await from(proxy, "198.51.100.7", "/health")).toBe("ip_not_allowed");
  });

  it("an address that nobody tells is on no list", async () => {
    const plugins = [proxyKey({ keys: key }), echo()];
    const ask = async (options: ClientFilterOptions): Promise<number> => {
      await using proxy = await createTestProxy({ plugins: [...plugins, clientFilter(options)] });
      return (await proxy.fetch("/v1/models", { headers: { authorization } })).status;
    };
    expect([await ask({ block: ["0.0.0.0/0"] }), await ask({ allow: ["0.0.0.0/0"] })]).toEqual([200, 403]);
  });

  it("keeps administrators' routes to their addresses and this machine, and those addresses to no other route", async () => {
    await using proxy = await start({ adminAllow: ["203.0.113.1"], allow: ["198.51.100.0/24"] });
    const admin = { authorization: "Bearer adm-secret" };
    const path = "/api/keys/status";
    expect(await from(proxy, "203.0.113.1", path, admin)).toBe(200);
    expect(await from(proxy, "198.51.100.8", path, admin)).toBe("ip_not_allowed");
    expect(await from(proxy, undefined, path, admin)).toBe(200);
    expect(await from(proxy, "203.0.113.1", path)).toBe("forbidden");
    expect(await from(proxy, "203.0.113.1")).toBe("ip_not_allowed");
    expect(await from(proxy, undefined)).toBe("ip_not_allowed");
  });

  it("believes X-Forwarded-For only as far as proxies are trusted", async () => {
    await using proxy = await start({ block: ["192.0.2.9"] }, { server: {} });
    expect(await from(proxy, "192.0.2.9")).toBe(200);
  });

  it("refuses pages by Origin and Referer: JSON for programs, a page that leads on for browsers", async () => {
    await using proxy = await start({ blockOrigins: ["Evil.example"], redirect: 'https://good.example/?a="b"&c' });
    expect(await from(proxy, undefined, "/v1/models", { origin: "https://app.EVIL.example" })).toBe("blocked_origin");
    expect(await from(proxy, undefined, "/v1/models", { referer: "https://evil.example/x" })).toBe("blocked_origin");
    expect(await from(proxy, undefined, "/v1/models", { origin: "https://good.example" })).toBe(200);
    expect(await from(proxy, undefined)).toBe(200);
    const response = await proxy.fetch("/", { headers: { referer: "https://evil.example", accept: "text/html,*/*" } });
    const html = await response.text();
    expect([response.status, response.headers.get("content-type")]).toEqual([403, "text/html; charset=utf-8"]);
    expect(html).toContain('content="3; url=https://good.example/?a=&#34;b&#34;&#38;c"');
    expect(html).not.toContain("evil");
  });

  it.each([["javascript:alert(1)"], ["good.example"]])("the redirect %j does not start", (redirect) => {
    expect(() => clientFilter({ blockOrigins: ["x"], redirect })).toThrow(/no address of a page/);
  });

  it("an empty origin, which is in every other, does not start", () => {
    expect(() => clientFilter({ blockOrigins: [" "] })).toThrow(/in every origin/);
  });

  it("is edited at run time, and what the config allows is not", async () => {
    await using proxy = await start({ allow: ["198.51.100.0/24"] }, { database: { path: `${folder()}/waygate.db` } });
    const put = async (value: object, version: number): Promise<[number, string]> => {
      const response = await proxy.fetch("/api/settings/client-filter", {
        method: "PUT",
        headers: { authorization: "Bearer adm-secret" },
        body: JSON.stringify({ value, version }),
      });
      return [response.status, await response.text()];
    };
    const [status, text] = await put({ block: ["198.51.100.7"], blockOrigins: ["evil"] }, 0);
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      {
        current: [
          { field: "allow", value: "198.51.100.0/24", origin: "config" },
          { field: "block", value: "198.51.100.7", origin: "run-time" },
          { field: "blockOrigins", value: "evil", origin: "run-time" },
        ],
      },
    ]);
    expect(await from(proxy, "198.51.100.7")).toBe("ip_not_allowed");
    expect(await from(proxy, "198.51.100.8", "/v1/models", { origin: "https://evil.example" })).toBe("blocked_origin");
    expect(await put({ allow: ["0.0.0.0/0"] }, 1)).toEqual([400, expect.stringContaining("config has allow")]);
    expect(await put({ block: ["10.0.0.0/99"] }, 1)).toEqual([400, expect.stringContaining("no address and no range")]);
    // Whoever blocks this machine can still undo it from here.
    expect((await put({ block: ["127.0.0.0/8", "::1"] }, 1))[0]).toBe(200);
    expect((await put({}, 2))[0]).toBe(200);
  });
});
