import { afterEach, describe, expect, test, vi } from "vitest";
import type { Context, Principal } from "waygate";
import { proxyKey, type ProxyKeyOptions } from "waygate/plugins/proxy-key";
import { fakeApp, fakeContext, hookOf } from "./_fakes.ts";

afterEach(() => vi.unstubAllEnvs());

const keys = ["first-key", { key: "second-key", label: "phone", admin: true, models: ["gpt-*"] }];

function callerWith(
  headers: Record<string, string>,
  options: ProxyKeyOptions = { keys },
  url = "",
  protocol = "openai-chat",
): Principal | undefined {
  const ctx = fakeContext(fakeApp(), {
    req: new Request(`http://localhost/v1/x${url}`, { headers }),
    protocol: { id: protocol } as Context["protocol"],
  });
  return hookOf(proxyKey(options), "auth").handler(ctx) as Principal | undefined;
}

describe("a caller", () => {
  test.each<Record<string, string>>([
    { authorization: "Bearer first-key" },
    { authorization: "bearer   first-key" },
    { "x-api-key": "first-key" },
    { "x-goog-api-key": "first-key" },
    { authorization: "Bearer wrong", "x-api-key": "first-key" },
  ])("is let in by %j", (headers) => {
    expect(callerWith(headers)).toBeDefined();
  });

  test.each<Record<string, string>>([
    {},
    { authorization: "first-key" },
    { authorization: "Basic first-key" },
    { authorization: "Bearer " },
    { authorization: "Bearer first-key2" },
    { authorization: "Bearer first-ke" },
    { authorization: "Bearer FIRST-KEY" },
    { "x-api-key": "first-key,second-key" },
    { "api-key": "first-key" },
  ])("is not known by %j", (headers) => {
    expect(callerWith(headers)).toBeUndefined();
  });

  test("may put the key into the query of Gemini routes only", () => {
    expect(callerWith({}, { keys }, "?key=first-key", "gemini")).toBeDefined();
    expect(callerWith({}, { keys }, "?key=wrong", "gemini")).toBeUndefined();
    expect(callerWith({}, { keys }, "?key=first-key")).toBeUndefined();
  });

  test("is known by a hash of the key and by what the config says about it", () => {
    expect(callerWith({ "x-api-key": "second-key" })).toEqual({
      id: expect.stringMatching(/^key:[0-9a-f]{8}$/),
      label: "phone",
      admin: true,
      models: ["gpt-*"],
    });
    expect(callerWith({ "x-api-key": "first-key" })).toEqual({ id: expect.stringMatching(/^key:[0-9a-f]{8}$/) });
  });

  test("of one key is the same object every time", () => {
    const plugin = proxyKey({ keys });
    const ctx = fakeContext(fakeApp(), {
      req: new Request("http://localhost/", { headers: { "x-api-key": "first-key" } }),
    });
    expect(hookOf(plugin, "auth").handler(ctx)).toBe(hookOf(plugin, "auth").handler(ctx));
  });
});

describe("keys", () => {
  test("come from PROXY_API_KEY, several with commas", () => {
    vi.stubEnv("PROXY_API_KEY", "one, two,");
    expect(callerWith({ "x-api-key": "two" }, {})).toBeDefined();
    expect(callerWith({ "x-api-key": "one, two," }, {})).toBeUndefined();
    expect(callerWith({ "x-api-key": "" }, {})).toBeUndefined();
  });

  test("that are given replace the variable", () => {
    vi.stubEnv("PROXY_API_KEY", "from-env");
    expect(callerWith({ "x-api-key": "from-env" })).toBeUndefined();
  });

  test.each([{ keys: [] }, { keys: "" }, { keys: ["", " "] }, {}])(
    "none in %j leave no auth hook and one warning",
    (options) => {
      vi.stubEnv("PROXY_API_KEY", "");
      const plugin = proxyKey(options);
      const app = fakeApp();
      void plugin.setup?.(app);
      expect(plugin.hooks?.auth).toBeUndefined();
      expect(app.lines).toEqual([expect.stringContaining("PROXY_API_KEY")]);
    },
  );

  test("that are there cause no warning", () => {
    const app = fakeApp();
    void proxyKey({ keys }).setup?.(app);
    expect(app.lines).toEqual([]);
  });

  test("do not show in the plugin object", () => {
    expect(JSON.stringify(proxyKey({ keys }))).not.toContain("first-key");
  });
});
