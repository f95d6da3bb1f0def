/** HTTP as bytes: for what no client library would send. */
import { connect } from "node:net";

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  /** Lower-case names. */
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  /** Everything that came, of all answers. */
  readonly text: string;
}

export interface RawOptions {
  /** Leaves the client's side open after the last piece; default: until the server closes. */
  readonly until?: RegExp;
}

/** Writes the pieces one by one and reads until the server closes, or until `until` matches. */
export function raw(
  url: string,
  pieces: readonly (string | Uint8Array)[],
  options: RawOptions = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    const text = (): string => Buffer.concat(chunks).toString();
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (options.until?.test(text())) socket.destroy();
    });
    // The server may close while the client still writes; what it has said until then counts.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(parse(text())));
    void (async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        if (socket.write(piece)) await new Promise((done) => setImmediate(done));
        else await new Promise((done) => socket.once("drain", done).once("close", done));
      }
    })();
  });
}

/** A request head with these lines after the first, then an empty line and the body. */
export function head(line: string, headers: { readonly [name: string]: string | number }, body = ""): string {
  const lines = Object.entries({ host: "localhost", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${line} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

function parse(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const headers = lines.map((line) => [line.split(":")[0]!.toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(first)?.[1] ?? 0);
  return { status, headers: Object.fromEntries(headers), body: end < 0 ? "" : text.slice(end + 4), text };
}
