import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import {
  answer,
  createTestProxy,
  createUpstream,
  dropReused,
  gate,
  later,
  reset,
  status,
  type TestProxy,
  type Upstream,
} from "waygate/testing";
import type { PluginInput } from "waygate";
import { keyOf, labelled } from "./_lab.ts";

async function proxyTo(
  upstream: Upstream,
  keys: readonly string[],
  plugins: readonly PluginInput[] = [cooldown()],
): Promise<TestProxy> {
  return createTestProxy({
    plugins: [
      openaiCompatible({ name: "lab", baseURL: upstream.url, keys: keys.map(labelled), models: ["m"] }),
      ...plugins,
    ],
    listen: true,
    retry: { sameCredential: 1 },
  });
}

const keysOf = (upstream: Upstream): (string | undefined)[] => upstream.requests.map((request) => request.key);

describe("over real sockets", () => {
  it("A13 a key that is edited while a request is held at another one is out on the very next attempt (report 61)", async () => {
    await using upstream = await createUpstream({ step: answer() });
    const held = gate();
    upstream.when({ key: "a" }, later(status(429, { error: { message: "Slow down" } }, { "retry-after": "60" }), held));
    await using proxy = await proxyTo(upstream, ["a", "b", "c"]);
    const pending = proxy.chat({ model: "lab/m" });
    await held.reached;
    const b = proxy.app.credentials.list("lab").find((credential) => credential.label === "b")!;
    proxy.app.credentials.remove(b.id);
    proxy.app.credentials.add(keyOf("lab", "b-new"));
    held.open();
    expect((await pending).status).toBe(200);
    expect(keysOf(upstream)).toEqual(["a", "c"]);
  });

  it("A15 a client that leaves while the upstream is silent blames nobody and closes the upstream", async () => {
    await using upstream = await createUpstream();
    const held = gate();
    upstream.reply(later(answer(), held), answer());
    await using proxy = await proxyTo(upstream, ["a", "b"]);
    const leave = new AbortController();
    const pending = proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await held.reached;
    leave.abort();
    await expect(pending).rejects.toThrow(/abort/i);
    const { outcome, ctx } = await proxy.recorded(1);
    expect([outcome.status, outcome.end, ctx.attempts.length]).toEqual([499, "client-aborted", 1]);
    expect(await upstream.requests[0]!.closed).toBe("client");
    expect(proxy.app.credentials.rests()).toEqual([]);
    expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
    expect(keysOf(upstream)).toEqual(["a", "a"]);
  });

  it("A15 a client that leaves in the middle of a stream blames nobody", async () => {
    await using upstream = await createUpstream();
    upstream.always(answer({ text: Array.from({ length: 50 }, () => "word ".repeat(2000)) }));
    await using proxy = await proxyTo(upstream, ["a"], [resilience()]);
    for (let request = 1; request <= 3; request++) {
      const leave = new AbortController();
      const response = await proxy.chat({ model: "lab/m", stream: true }, { signal: leave.signal });
      const reader = response.body!.getReader();
      await reader.read();
      leave.abort();
      await expect(reader.read().then(() => reader.read())).rejects.toThrow(/abort/i);
      const { outcome } = await proxy.recorded(request);
      expect(outcome.end).toBe("client-aborted");
    }
    expect(proxy.app.credentials.rests()).toEqual([]);
    expect(proxy.app.credentials.inFlight(proxy.app.credentials.list("lab")[0]!.id)).toBe(0);
  });

  it("A20 a kept connection that died is replaced silently: one attempt, nothing rests", async () => {
    for (const how of ["destroy", "reset"] as const) {
      await using upstream = await createUpstream({ step: dropReused(answer(), how) });
      await using proxy = await proxyTo(upstream, ["a", "b"]);
      for (let request = 1; request <= 3; request++) {
        const response = await proxy.chat({ model: "lab/m" });
        await response.text();
        expect(response.status).toBe(200);
        expect(response.headers.get("x-waygate-attempts")).toBe("1");
      }
      expect(proxy.app.credentials.rests()).toEqual([]);
      expect(new Set(keysOf(upstream))).toEqual(new Set(["a"]));
    }
  });

  it("A20 a fresh connection that is reset counts: the same key once more, then the next", async () => {
    await using upstream = await createUpstream({ step: answer() });
    upstream.when({ key: "a" }, reset());
    await using proxy = await proxyTo(upstream, ["a", "b"]);
    const response = await proxy.chat({ model: "lab/m" });
    expect(response.status).toBe(200);
    expect(keysOf(upstream)).toEqual(["a", "a", "b"]);
  });
});
