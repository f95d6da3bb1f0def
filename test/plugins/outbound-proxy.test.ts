import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createConsola } from "consola";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { createProxy } from "waygate";
import { openaiCompatible, type OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import { internalsOf } from "../../src/proxy.ts";
import { rotate } from "waygate/plugins/rotate";

afterEach(() => vi.unstubAllEnvs());

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Seen {
  readonly key: string;
  readonly path: string;
  /** The port it came from, which tells the outbound proxy. */
  readonly port: number;
}

async function upstream(): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const url = await listen(
    createServer((req, res) => {
      const key = req.headers.authorization?.replace("Bearer ", "") ?? "";
      seen.push({ key, path: req.url ?? "", port: req.socket.remotePort ?? 0 });
      const choice = { index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" };
      const body = req.url?.endsWith("/models")
        ? { data: [{ id: `listed-for-${key}` }] }
        : { id: "1", object: "chat.completion", created: 1, model: "m", choices: [choice] };
      req
        .resume()
        .on("end", () => res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body)));
    }),
  );
  return { url: `${url}/v1`, seen };
}

interface Outbound {
  readonly url: string;
  /** Local ports of the connections it made. */
  readonly ports: Set<number>;
  readonly logins: Set<string>;
}

/** A small HTTP proxy: tunnels for CONNECT, and requests with whole addresses. */
async function outbound(): Promise<Outbound> {
  const ports = new Set<number>();
  const logins = new Set<string>();
  const noteLogin = (req: IncomingMessage): void => {
    const login = req.headers["proxy-authorization"];
    if (login !== undefined) logins.add(Buffer.from(login.replace("Basic ", ""), "base64").toString());
  };
  const server = createServer((req, res) => {
    noteLogin(req);
    const { "proxy-authorization": _login, ...headers } = req.headers;
    const forwarded = request(req.url ?? "", { method: req.method, headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    forwarded.on("socket", (socket) => socket.once("connect", () => ports.add(socket.localPort ?? 0)));
    req.pipe(forwarded);
  });
  server.on("connect", (req, client, head) => {
    noteLogin(req);
    const [host = "", port] = (req.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      ports.add(target.localPort ?? 0);
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      target.write(head);
      client.pipe(target).pipe(client);
    });
    // Either side leaves when the test ends.
    target.on("error", () => client.destroy());
    client.on("error", () => target.destroy());
  });
  return { url: await listen(server), ports, logins };
}

async function started(options: Partial<OpenAICompatibleOptions> & { readonly baseURL: string }) {
  const lines: string[] = [];
  const log = createConsola({ level: 5, reporters: [{ log: ({ args }) => void lines.push(args.join(" ")) }] });
  const proxy = createProxy(
    { plugins: [openaiCompatible({ name: "lab", ...options }), rotate({ mode: "round-robin" })] },
    { log },
  );
  onTestFinished(() => proxy.close());
  const { models } = await proxy.ready();
  const ask = async (): Promise<number> => {
    const body = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }] });
    const answer = await proxy.fetch("http://localhost/v1/chat/completions", { method: "POST", body });
    await answer.text();
    return answer.status;
  };
  return { ask, lines, listed: () => models.listed("lab"), app: internalsOf(proxy).pipeline.app };
}

test("each key goes through its own outbound proxy, requests and discovery alike (report 4)", async () => {
  const { url, seen } = await upstream();
  const [one, two, shared] = [await outbound(), await outbound(), await outbound()];
  const { ask, listed, app } = await started({
    baseURL: url,
    proxy: shared.url,
    keys: [
      { value: "key-one", proxy: one.url.replace("//", "//user:pass@") },
      { value: "key-two", proxy: two.url },
      "key-three",
    ],
  });
  await expect.poll(listed).toEqual(["listed-for-key-one"]);
  for (let turn = 0; turn < 6; turn++) expect(await ask()).toBe(200);
  const [, second, third] = app.credentials.list("lab");
  for (const key of [second!, third!]) await app.providers[0]!.discover!(key, new AbortController().signal);

  const proxyOf = (port: number): string =>
    one.ports.has(port) ? "one" : two.ports.has(port) ? "two" : shared.ports.has(port) ? "shared" : "none";
  const ways = new Set(seen.map(({ key, path, port }) => `${key} ${path} ${proxyOf(port)}`));
  expect([...ways].toSorted()).toEqual([
    "key-one /v1/chat/completions one",
    "key-one /v1/models one",
    "key-three /v1/chat/completions shared",
    "key-three /v1/models shared",
    "key-two /v1/chat/completions two",
    "key-two /v1/models two",
  ]);
  expect([...one.logins]).toEqual(["user:pass"]);
});

test("HTTP_PROXY holds for requests and discovery, and NO_PROXY takes hosts out", async () => {
  const { url, seen } = await upstream();
  const way = await outbound();
  vi.stubEnv("http_proxy", way.url);
  vi.stubEnv("no_proxy", "");
  const through = await started({ baseURL: url, keys: ["a"] });
  await expect.poll(through.listed).toEqual(["listed-for-a"]);
  expect(await through.ask()).toBe(200);
  expect(seen.map(({ port }) => way.ports.has(port))).toEqual([true, true]);

  vi.stubEnv("no_proxy", "127.0.0.1");
  const direct = await started({ baseURL: url, keys: ["b"] });
  await expect.poll(direct.listed).toEqual(["listed-for-b"]);
  expect(await direct.ask()).toBe(200);
  expect(seen.slice(2).map(({ port }) => way.ports.has(port))).toEqual([false, false]);
});

test("an outbound proxy that cannot be used is told without its password, and the start succeeds", async () => {
  const { url } = await upstream();
  const { lines } = await started({ baseURL: url, keys: [{ value: "a", proxy: "user:hunter22@nowhere" }] });
  await expect.poll(() => lines.join("\n")).toContain("not a usable proxy URL");
  expect(lines.join("\n")).not.toContain("hunter22");
});
