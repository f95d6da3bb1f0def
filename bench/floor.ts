/**
 * The floor: the least a proxy in Node can do. node:http in front, undici behind, nothing looked at. Whatever waygate
 * costs more than this is the price of what it does.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Dispatcher, Pool } from "undici";

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: 256, headersTimeout: 0, bodyTimeout: 0 });
const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "host", "content-length"]);

function forward(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const headers: string[] = [];
  const { rawHeaders } = request;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!hopByHop.has(name)) headers.push(name, rawHeaders[at + 1]!);
  }
  let controller: Dispatcher.DispatchController | undefined;
  response.on("close", () => {
    if (!response.writableFinished) controller?.abort(new Error("the client has gone"));
  });
  response.on("drain", () => controller?.resume());
  pool.dispatch(
    { path: request.url ?? "/", method: request.method as Dispatcher.HttpMethod, headers, body },
    {
      onRequestStart: (started) => {
        controller = started;
      },
      onResponseStart: (_, status, answered) => {
        const kept = Object.entries(answered).filter(([name]) => !hopByHop.has(name) || name === "content-length");
        response.writeHead(status, Object.fromEntries(kept) as Record<string, string>);
      },
      onResponseData: (started, data) => {
        if (!response.write(data)) started.pause();
      },
      onResponseEnd: () => response.end(),
      onResponseError: (_, error) => response.destroy(error),
    },
  );
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end("ok");
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => forward(request, response, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
});
server.listen(Number(port), "127.0.0.1");
