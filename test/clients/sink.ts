/** Stands where a forward proxy would: notes every address a client wants outside loopback, and refuses it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Sink {
  readonly url: string;
  /** `host:port` or URLs asked for, in order. */
  readonly wanted: readonly string[];
  close(): Promise<void>;
}

export async function createSink(): Promise<Sink> {
  const wanted: string[] = [];
  const server = createServer((request, response) => {
    wanted.push(request.url ?? "");
    response.writeHead(403).end();
  });
  server.on("connect", (request, socket) => {
    wanted.push(request.url ?? "");
    socket.on("error", () => {});
    socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wanted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
