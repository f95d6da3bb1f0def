/** Responses whose bodies come at virtual times. */
import { ProxyError } from "../failure/error.ts";
import type { Clock } from "../runtime.ts";
import { type Piece, type Reply, toPiece, type Wait } from "./script.ts";

export interface VirtualCall {
  readonly clock: Clock;
  /** Aborts when the caller gives up or a limit fires. */
  readonly signal: AbortSignal;
  /** 0 for the first call of this transport. */
  readonly index: number;
  /** Virtual milliseconds; rejects when the call is given up. */
  wait(ms: number): Promise<void>;
  /** The connection takes this long; call it first. Without it the connection is up at once. */
  connect(ms: number): Promise<void>;
}

/** A response whose pieces come at virtual times: `pause(ms)` between texts, gates where a test wants to hold on. */
export function virtualResponse(
  pieces: readonly (string | Piece)[],
  call: VirtualCall,
  init: ResponseInit & { readonly end?: Reply["end"] } = {},
): Response {
  return new Response(bodyOf(pieces.map(toPiece), init.end ?? "complete", call), init);
}

/** The answer of a scripted reply that has a status line. */
export function replyResponse(reply: Reply, call: VirtualCall): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.head?.headers ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) headers.append(name, one);
  }
  const status = reply.head?.status ?? 200;
  const empty = status === 204 || status === 304;
  return new Response(empty ? null : bodyOf(reply.body, reply.end, call), { status, headers });
}

function bodyOf(
  pieces: readonly Piece[],
  end: Reply["end"],
  call: VirtualCall,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const piece = pieces[at];
          if (!piece) break;
          if (piece instanceof Uint8Array || piece.kind === "forever") {
            // A copy, because a reader may take the buffer with it, and an endless piece is sent again.
            controller.enqueue(Uint8Array.from(piece instanceof Uint8Array ? piece : piece.bytes));
            if (piece instanceof Uint8Array) at++;
            return;
          }
          await pass(piece, call);
          at++;
        }
        if (end === "complete" || end === "close") controller.close();
        else if (end === "hang") await new Promise<never>(() => {});
        else controller.error(lost("the connection was closed in the middle of the answer"));
      },
    },
    { highWaterMark: 0 },
  );
}

/** Waits as a step asks: at a gate, or for virtual milliseconds. */
export function pass(wait: Wait, call: VirtualCall): Promise<void> {
  if (wait.kind === "pause") return call.wait(wait.ms);
  wait.arrive();
  return wait.opened;
}

/** The connection is gone. */
export function lost(message: string, more: { readonly reset?: boolean } = {}): ProxyError {
  return new ProxyError({ kind: "network", message, ...more });
}
