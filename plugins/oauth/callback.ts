/** The address on this machine that a browser comes back to (RFC 8252 7.3). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { loginError } from "./login-error.ts";
import { page, type PageFacts } from "./page.ts";
import type { CodeSpec } from "./spec.ts";

/** What the browser is shown, when it is known how the login went. */
export interface CallbackReply {
  readonly isSuccess: boolean;
  readonly page: PageFacts;
}

export interface Callback {
  /** What the server is told. */
  readonly redirectURI: string;
  close(): void;
}

export interface CallbackInit {
  readonly spec: CodeSpec;
  readonly port: number | undefined;
  /** Hears of every visit of one of the paths; the browser waits for the reply. */
  readonly visited: (parameters: URLSearchParams) => Promise<CallbackReply>;
}

/** Milliseconds for which late visits are still answered: some browsers ask twice. */
const LINGER = 2000;
const lingering = new Map<number, () => Promise<void>>();

/** Listens on loopback alone. Rejects with a `ConfigError` when no port can be had. */
export async function openCallback(init: CallbackInit): Promise<Callback> {
  const { spec, port } = init;
  const { callback } = spec;
  const ports = port === undefined ? [callback.port, ...(callback.otherPorts ?? [])] : [port];
  const answer = (request: IncomingMessage, response: ServerResponse): void => void handle(init, request, response);
  const server = createServer(answer);
  const got = await listenOnOne(server, ports, spec);
  // A browser may take `localhost` for the other loopback address first. Without that family this one has to do.
  const other = createServer(answer);
  await listen(other, got, "::1").catch(() => undefined);
  const host = callback.host ?? "localhost";
  const close = async (): Promise<void> => {
    lingering.delete(got);
    await Promise.all([server, other].map((each) => new Promise((resolve) => each.close(resolve))));
  };
  return {
    redirectURI: `http://${host}:${got}${callback.paths[0]}`,
    close() {
      server.unref();
      other.unref();
      lingering.set(got, close);
      setTimeout(() => lingering.get(got) === close && void close(), LINGER).unref();
    },
  };
}

async function listenOnOne(server: Server, ports: readonly number[], spec: CodeSpec): Promise<number> {
  let code = "";
  for (const port of ports) {
    await lingering.get(port)?.();
    try {
      return await listen(server, port, "127.0.0.1");
    } catch (error) {
      code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (code !== "EADDRINUSE" && code !== "EACCES") break;
    }
  }
  const { title, provider, callback } = spec;
  const variable = callback.portVariable === undefined ? "" : `, or set ${callback.portVariable}`;
  const reasons: { readonly [code: string]: string } = {
    EADDRINUSE: "another program listens there (EADDRINUSE)",
    EACCES: "the system does not let this user listen there (EACCES)",
  };
  throw loginError({
    code: "login_port",
    what: `The login to ${title} cannot listen on 127.0.0.1:${ports.join(", ")}`,
    why: reasons[code] ?? `the system says ${code}`,
    fix: `proxy login ${provider} --port N with a free port${variable}`,
  });
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: host === "::1" }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function handle(
  { spec, visited }: CallbackInit,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = URL.parse(request.url ?? "/", "http://localhost");
  const { paths, successURL, failureURL } = spec.callback;
  const head = { connection: "close", "cache-control": "no-store", "referrer-policy": "no-referrer" };
  if (request.method !== "GET" || url === null || !paths.includes(url.pathname)) {
    response.writeHead(404, { ...head, "content-type": "text/plain" }).end("Not found.\n");
    return;
  }
  const reply = await visited(url.searchParams);
  const target = reply.isSuccess ? successURL : failureURL;
  if (target !== undefined) response.writeHead(302, { ...head, location: target }).end();
  else {
    const type = "text/html; charset=utf-8";
    const policy = "default-src 'none'; style-src 'unsafe-inline'";
    response
      .writeHead(reply.isSuccess ? 200 : 400, { ...head, "content-type": type, "content-security-policy": policy })
      .end(page(reply.page));
  }
}
