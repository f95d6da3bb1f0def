/** Forms written by hand, and an upstream that shows its requests while they arrive. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const formType = "multipart/form-data; boundary=X";

export interface Part {
  readonly name: string;
  readonly value: string | Uint8Array;
  readonly filename?: string;
}

/** A form with the boundary `X`. */
export function formOf(...parts: readonly Part[]): Buffer<ArrayBuffer> {
  const bytes = parts.flatMap(({ name, value, filename }) => [
    Buffer.from(
      `--X\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n\r\n`,
    ),
    Buffer.from(value),
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...bytes, Buffer.from("--X--\r\n")]);
}

/** A model's field, then a file of which nothing has been sent yet. */
export const formStart: Buffer = Buffer.from(
  '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nlab/m\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
);
export const formEnd: Buffer = Buffer.from("\r\n--X--\r\n");

export interface Arrival {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

export interface LiveUpstream extends AsyncDisposable {
  readonly url: string;
  /** The n-th request (from 1), once its headers are there. */
  arrived(count: number): Promise<Arrival>;
  readonly count: number;
}

/** Hands over every request as soon as its headers have come; nothing is read or answered by itself. */
export async function liveUpstream(): Promise<LiveUpstream> {
  const arrivals: Arrival[] = [];
  const waiting: { readonly count: number; readonly resolve: (arrival: Arrival) => void }[] = [];
  const server = createServer((message, response) => {
    message.on("error", () => {}); // The proxy leaving is what some tests are about.
    arrivals.push({ message, response });
    for (const { count, resolve } of waiting) if (count === arrivals.length) resolve(arrivals[count - 1]!);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get count() {
      return arrivals.length;
    },
    arrived(count) {
      const arrival = arrivals[count - 1];
      return arrival ? Promise.resolve(arrival) : new Promise((resolve) => waiting.push({ count, resolve }));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
