/**
 * Where a streamed answer goes: into a web stream, or straight into the response of a Node server. The second saves a
 * promise and a copy of the queue for every event; srvx hands the response over to bodies that have a `pipe`.
 */
import type { ServerResponse } from "node:http";

/** What a stream is told by whoever takes its bytes. */
export interface OutletEvents {
  /** The taker has room again. */
  drained(): void;
  /** The taker has gone before the end. */
  left(reason: unknown): void;
}

export interface Outlet {
  /** False when the taker wants no more until `drained`. */
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** Breaks off, so that the taker sees that the answer is not whole. */
  fail(error: Error): void;
}

/** Bytes that may wait for a slow client before the upstream is stopped. */
const HIGH_WATER = 64 * 1024;

/** An answer's body before anybody takes it. `attach` is called once, by either form. */
export class StreamBody {
  #attach: (outlet: Outlet) => void;
  readonly #events: OutletEvents;

  constructor(attach: (outlet: Outlet) => void, events: OutletEvents) {
    this.#attach = attach;
    this.#events = events;
  }

  /** For somebody who has begun to send something else before it: what is returned is told of the taker from now on. */
  into(outlet: Outlet): OutletEvents {
    this.#attach(outlet);
    return this.#events;
  }

  /** Lets somebody see what is written, from the first byte on. Before anybody takes the body. */
  tap(see: (bytes: Uint8Array) => void): void {
    const attach = this.#attach;
    this.#attach = (outlet) =>
      attach({
        write(bytes) {
          see(bytes);
          return outlet.write(bytes);
        },
        end: () => outlet.end(),
        fail: (error) => outlet.fail(error),
      });
  }

  /** The body as a web stream. */
  readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) =>
          this.#attach({
            write(bytes) {
              controller.enqueue(bytes);
              return (controller.desiredSize ?? 0) > 0;
            },
            end: () => controller.close(),
            fail: (error) => controller.error(error),
          }),
        pull: () => this.#events.drained(),
        cancel: (reason) => this.#events.left(reason),
      },
      { highWaterMark: HIGH_WATER, size: (chunk) => chunk.byteLength },
    );
  }

  /** Called by srvx with the server's response, its head written, or with a stream that becomes a web stream. */
  pipe(response: Pick<ServerResponse, "write" | "end" | "destroy" | "on">): void {
    response.on("drain", () => this.#events.drained());
    response.on("close", () => this.#events.left(new Error("The client has closed the connection.")));
    // Without it an error of the socket, which `close` follows, would end the process.
    response.on("error", () => {});
    this.#attach({
      write: (bytes) => response.write(bytes),
      end: () => response.end(),
      fail: (error) => response.destroy(error),
    });
  }

  /** Called by srvx, without `this`, when the client left before its answer was begun or in the middle of it. */
  readonly abort = (): void => this.#events.left(new Error("The client has closed the connection."));
  readonly destroy = (): void => this.abort();
}

/** The rest of a body, whatever its form, to a taker that has had the beginning from somebody else. */
export function handOver(body: string | Uint8Array | StreamBody, taker: Outlet): OutletEvents {
  if (body instanceof StreamBody) return body.into(taker);
  if (body.length > 0) taker.write(typeof body === "string" ? Buffer.from(body) : body);
  taker.end();
  return { drained() {}, left() {} };
}
