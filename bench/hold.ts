/** Streams that have begun and stay open. */
import { connect, type Socket } from "node:net";
import { proxyKey, requestBody } from "./traffic.ts";

/** Milliseconds until the first content. */
const patience = 10_000;

/** Opens so many streams and resolves when each has brought something. */
export async function holdOpen(port: number, count: number): Promise<{ close(): void }> {
  const body = requestBody("held");
  const request =
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${proxyKey}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port, request)));
  return {
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function open(port: number, request: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(request));
    socket.once("error", reject);
    socket.setTimeout(patience, () => reject(new Error(`no content on a stream within ${patience} ms`)));
    let received = "";
    socket.on("data", (part: Buffer) => {
      received += part.toString("latin1");
      if (!received.startsWith("HTTP/1.1 200")) reject(new Error(`not a 200: ${received.slice(0, 300)}`));
      else if (received.includes("word")) {
        socket.setTimeout(0);
        resolve(socket);
      }
    });
  });
}
