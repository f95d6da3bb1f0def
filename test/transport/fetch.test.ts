import { describe, expect, it } from "vitest";
import { fetchThrough, type Wire } from "waygate";
import { virtualClock, virtualTransport } from "waygate/testing";

describe("fetch over a transport", () => {
  it("sends forms and texts with what the transport needs, and reads answers as the web does", async () => {
    const sent: Wire[] = [];
    const answer = (wire: Wire): Response => {
      sent.push(wire);
      return Response.json({ ok: true }, { status: 201, headers: { "x-one": "1" } });
    };
    const through = fetchThrough(virtualTransport(answer, { clock: virtualClock() }), { proxy: "http://out:3128" });
    const response = await through("https://a.example/token?x=1", {
      method: "POST",
      headers: { "X-Own": "2" },
      body: new URLSearchParams({ a: "b c" }),
    });
    expect([response.status, response.headers.get("x-one"), await response.json()]).toEqual([201, "1", { ok: true }]);
    expect(sent[0]).toMatchObject({ url: "https://a.example/token?x=1", method: "POST", proxy: "http://out:3128" });
    expect(sent[0]?.headers).toMatchObject({
      "x-own": "2",
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
    });
    expect(sent[0]?.body?.text).toBe("a=b+c");
    await through(new URL("https://a.example/"));
    expect([sent[1]?.method, sent[1]?.body]).toEqual(["GET", undefined]);
  });

  it("follows no redirect, and ends with the signal", async () => {
    const clock = virtualClock();
    const moved = (): Response => new Response(null, { status: 302, headers: { location: "https://b.example/" } });
    expect((await fetchThrough(virtualTransport(moved, { clock }))("https://a.example/")).status).toBe(302);
    const leave = new AbortController();
    const silent = fetchThrough(virtualTransport(() => new Promise<never>(() => {}), { clock }));
    const pending = silent("https://a.example/", { signal: leave.signal });
    setTimeout(() => leave.abort(), 5);
    await expect(pending).rejects.toMatchObject({ kind: "aborted" });
  });
});
