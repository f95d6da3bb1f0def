/**
 * The upstream behind both sides: a few lines over bare sockets, so that it costs the machine as little as possible.
 * Answers JSON, or a stream when the body asks for one; a body that names `unpaced` gets its events without pauses, one
 * that names `held open` only the first ones. Speaks `anthropic` under /v1/messages and `openai-chat` elsewhere.
 */
import { createServer, type Socket } from "node:net";
import { type Answer, anthropicAnswer, chatAnswer, eventInterval } from "./traffic.ts";

interface Ready {
  readonly json: Buffer;
  readonly chunks: readonly Buffer[];
}

/** Every event is a chunk, and a write, of its own, as model servers send them. */
function ready({ json, events }: Answer): Ready {
  const length = Buffer.byteLength(json);
  return {
    json: Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${json}`),
    chunks: events.map((event) => Buffer.from(`${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`)),
  };
}

const chat = ready(chatAnswer);
const anthropic = ready(anthropicAnswer);
const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
);
const streamEnd = Buffer.from("0\r\n\r\n");

interface Streaming {
  readonly socket: Socket;
  readonly chunks: readonly Buffer[];
  next: number;
}

/** Writes the next event of every stream; drops those that are done or whose reader has gone. */
function tick(streams: Set<Streaming>): void {
  for (const entry of streams) {
    const chunk = entry.chunks[entry.next++];
    entry.socket.write(chunk ?? streamEnd);
    if (!chunk || entry.socket.destroyed) streams.delete(entry);
  }
}

const paced = new Set<Streaming>();
setInterval(() => tick(paced), eventInterval);

const unpaced = new Set<Streaming>();
let spinning = false;
function spin(): void {
  tick(unpaced);
  spinning = unpaced.size > 0;
  if (spinning) setImmediate(spin);
}

/** Events after which a stream that is to stay open has shown its first content, in both protocols. */
const shown = 4;

/** The fault it plays; names and shares as in `faults.ts`. */
const fault = process.argv[3] ?? "none";
const refusal = (line: string, text: string): Buffer =>
  Buffer.from(`HTTP/1.1 ${line}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
const limited = refusal("429 Too Many Requests\r\nretry-after: 1", '{"error":{"message":"Rate limit reached."}}');
const failing = refusal("500 Internal Server Error", '{"error":{"message":"The server had an error."}}');
let asked = 0;

/** Plays the fault where it is this request's turn, else the answer. */
function respond(socket: Socket, whole: Ready, body: string): void {
  // 37 and 100 have no common divisor: of a hundred requests in a row every number comes once, and they are spread.
  const turn = (asked++ * 37) % 100;
  if (fault === "limited" && turn < 10) socket.write(limited);
  else if (fault === "failing" && turn < 5) socket.write(failing);
  else if (fault === "reset" && turn < 5) socket.resetAndDestroy();
  else if (fault === "slow" && turn < 10) setTimeout(() => answer(socket, whole, body), 300);
  else if (fault === "cut" && turn < 5) cut(socket, whole, body);
  else answer(socket, whole, body);
}

/** Half of it, then the end of the connection. */
function cut(socket: Socket, { json, chunks }: Ready, body: string): void {
  if (!body.includes('"stream":true')) socket.end(json.subarray(0, json.length - 40));
  else socket.end(Buffer.concat([streamHead, ...chunks.slice(0, chunks.length / 2)]));
}

function answer(socket: Socket, { json, chunks }: Ready, body: string): void {
  if (!body.includes('"stream":true')) {
    socket.write(json);
    return;
  }
  socket.write(streamHead);
  if (body.includes("held open")) {
    for (const chunk of chunks.slice(0, shown)) socket.write(chunk);
    return;
  }
  if (!body.includes("unpaced")) {
    paced.add({ socket, chunks, next: 0 });
    return;
  }
  unpaced.add({ socket, chunks, next: 0 });
  if (!spinning) {
    spinning = true;
    setImmediate(spin);
  }
}

/** The body once it is complete. No pipelining: whatever the socket has brought is one request. */
function completeBody(received: string): string | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd).toLowerCase();
  const body = received.slice(headEnd + 4);
  const length = /content-length: *(\d+)/.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length) ? body : undefined;
  if (head.includes("transfer-encoding: chunked")) return body.endsWith("0\r\n\r\n") ? body : undefined;
  return body;
}

const server = createServer({ noDelay: true }, (socket) => {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => {
    received += part;
    const body = completeBody(received);
    if (body === undefined) return;
    const speaks = received.startsWith("POST /v1/messages") ? anthropic : chat;
    received = "";
    respond(socket, speaks, body);
  });
  // Clients of a benchmark leave without a goodbye.
  socket.on("error", () => socket.destroy());
});
server.listen(Number(process.argv[2]), "127.0.0.1");
