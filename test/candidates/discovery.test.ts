import { describe, expect, test } from "vitest";
import { ProxyError, type Provider } from "waygate";
import { createDiscovery, type Discovery } from "../../src/candidates/discovery.ts";
import { type FakeApp, fakeApp, fakeCandidates, fakeProvider } from "../plugins/_fakes.ts";

type Discover = NonNullable<Provider["discover"]>;

/** A provider `lab` that lists by this function, with two keys, and the discovery of it begun. */
function begun(
  discover: Discover,
  models: readonly string[] = ["stated"],
): { app: FakeApp; discovery: Discovery; stop: AbortController; added: (provider: string) => void } {
  const app = fakeApp({ providers: [fakeProvider("lab", { models, discover }), fakeProvider("other")] });
  fakeCandidates(app, ["a", "b"]);
  const listeners = new Set<(provider: string) => void>();
  const discovery = createDiscovery(app, (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  });
  const stop = new AbortController();
  discovery.start(stop.signal);
  return { app, discovery, stop, added: (provider) => listeners.forEach((tell) => tell(provider)) };
}

const refusal = (kind: "credential_invalid" | "upstream"): ProxyError => new ProxyError({ kind, message: "Refused." });

describe("discovery", () => {
  test("lists what the upstream has, each once, in place of what was stated", async () => {
    const { app, discovery } = begun(async () => ["x", "y", "x", "", " ", 7 as never]);
    expect(discovery.listings()[0]).toEqual({ provider: "lab", state: "asking" });
    await discovery.finished();
    expect(app.models.listed("lab")).toEqual(["x", "y"]);
    expect(discovery.listings()).toEqual([
      { provider: "lab", state: "listed" },
      { provider: "other", state: "stated" },
    ]);
  });

  test("keeps what was stated when the upstream lists nothing", async () => {
    const { app, discovery } = begun(async () => []);
    await discovery.finished();
    expect(app.models.listed("lab")).toEqual(["stated"]);
  });

  test("asks again when a key is added after a failure, once for several, and not after a success or the end", async () => {
    let asked = 0;
    const { app, discovery, stop, added } = begun(async () => {
      if (++asked === 1) throw new Error("down");
      return ["x"];
    });
    await discovery.finished();
    added("lab");
    added("lab");
    await Promise.resolve();
    await discovery.finished();
    expect([asked, app.models.listed("lab")]).toEqual([2, ["x"]]);
    added("lab");
    await Promise.resolve();
    expect(asked).toBe(2);
    stop.abort();
    added("lab");
    await Promise.resolve();
    expect(asked).toBe(2);
  });

  test("gives up after five seconds on a function that hears nothing, and says who and why in one line", async () => {
    const { app, discovery } = begun(() => new Promise(() => undefined));
    await app.clock.advance(4999);
    expect(discovery.listings()[0]!.state).toBe("asking");
    await app.clock.advance(1);
    await discovery.finished();
    expect(discovery.listings()[0]).toEqual({ provider: "lab", state: "failed", why: "no answer within 5 s" });
    expect(app.lines).toEqual([
      "lab could not list its models: no answer within 5 s. The one known is listed; any other can be asked for by name.",
    ]);
    expect(app.models.listed("lab")).toEqual(["stated"]);
  });

  test("tries the next key when the upstream refuses one, and no other for other reasons", async () => {
    const asked: string[] = [];
    const refusing =
      (kind: "credential_invalid" | "upstream"): Discover =>
      async ({ id }) => {
        asked.push(id);
        if (id === "a") throw refusal(kind);
        return ["x"];
      };
    const bad = begun(refusing("credential_invalid"));
    await bad.discovery.finished();
    expect(bad.app.models.listed("lab")).toEqual(["x"]);
    const down = begun(refusing("upstream"));
    await down.discovery.finished();
    expect(asked).toEqual(["a", "b", "a"]);
    expect(down.app.lines[0]).toMatch(/^lab could not list its models: Refused\. The one/);
  });

  test("masks what looks like a key in a reason, and takes an answer that is no list for a failure", async () => {
    const leaking = begun(() => Promise.reject(new Error("no: sk-proj-abcdefghijklmnop1234.")));
    await leaking.discovery.finished();
    expect(leaking.discovery.listings()[0]!.why).toBe("no: ***");
    const wrong = begun(async () => undefined as never);
    await wrong.discovery.finished();
    expect(wrong.discovery.listings()[0]).toMatchObject({ state: "failed", why: "its discover() returned no list" });
  });

  test("ends with the proxy, and then logs nothing", async () => {
    const { app, discovery, stop } = begun(() => new Promise(() => undefined));
    stop.abort();
    await discovery.finished();
    expect(app.lines).toEqual([]);
    expect(app.clock.pending).toBe(0);
  });
});
