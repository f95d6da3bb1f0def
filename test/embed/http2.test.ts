import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProxy, type Proxy, toNodeHandler } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { answer, chunk, createUpstream, gate, stream, type Upstream } from "waygate/testing";

describe("toNodeHandler in node:http2", () => {
  let upstream: Upstream;
  let proxy: Proxy;
  let server: Http2Server;
  let client: ClientHttp2Session;

  beforeAll(async () => {
    upstream = await createUpstream();
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    proxy = createProxy({ plugins: [lab], log: { level: "silent" } });
    server = createServer(toNodeHandler(proxy)).listen(0, "127.0.0.1");
    await once(server, "listening");
    client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    client.destroy();
    server.close();
    await proxy.close();
    await upstream.close();
  });

  const post = (body: object): ReturnType<ClientHttp2Session["request"]> => {
    const request = client.request({ ":method": "POST", ":path": "/v1/chat/completions" });
    request.end(JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hello" }], ...body }));
    return request.setEncoding("utf8");
  };

  it("answers whole", async () => {
    upstream.reply(answer({ text: "over one connection" }));
    const request = post({});
    const [headers] = (await once(request, "response")) as [{ ":status": number }];
    let text = "";
    for await (const part of request) text += String(part);
    expect([headers[":status"], text]).toEqual([200, expect.stringContaining("over one connection")]);
  });

  it("C4 streams, and tells the upstream of a client that leaves", async () => {
    upstream.reply(stream([chunk({ content: "first" }), gate()]));
    const sent = upstream.received(upstream.requests.length + 1);
    const request = post({ stream: true });
    const [part] = await once(request, "data");
    expect(part).toContain("first");
    request.close();
    expect(await (await sent).closed).toBe("client");
  });
});
