/** A simulated client: asks, reads to the end or leaves, and says what it was served. */
import type { Clock } from "../runtime.ts";
import type { SimulatedRequest } from "./traffic.ts";

export interface Served {
  readonly request: SimulatedRequest;
  readonly status: number;
  /** `error.code` of a refusal, or of an error inside a stream. */
  readonly code: string | undefined;
  /** Body bytes read. */
  readonly bytes: number;
  readonly text: string;
  /** The words of the answer. */
  readonly words: string;
  /** `complete`: the answer has its proper end; `left`: this client went; `broken`: an error or no end. */
  readonly end: "complete" | "refused" | "left" | "broken";
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | undefined;
  readonly fallback: string | undefined;
  readonly provider: string | undefined;
  /** Epoch milliseconds. */
  readonly firstByteAt: number | undefined;
  readonly endedAt: number;
}

export interface ClientInit {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly clock: Clock;
  /** Told when the first byte of an answer has come. */
  readonly onFirstByte?: (index: number) => void;
  /** Told right before the client goes. */
  readonly onLeave?: (index: number) => void;
  /** Given what ends the connection from outside. */
  readonly onOpen?: (hangUp: () => void) => void;
}

const COLON = 58;

/** The body of a request. Its index is in it, so that an upstream can be asked whose call it has. */
export function bodyOf({ index, model, stream, input }: SimulatedRequest, filler = 0): string {
  const text = `request ${index} of ${input} tokens${" filler".repeat(filler)}`;
  return JSON.stringify({
    model,
    messages: [{ role: "user", content: text }],
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
  });
}

/** The index and the prompt's size in a body made by `bodyOf`, whatever became of it on the way. */
export function indexIn(body: string): { readonly index: number; readonly input: number } | undefined {
  const found = /request (\d+) of (\d+) tokens/.exec(body);
  return found ? { index: Number(found[1]), input: Number(found[2]) } : undefined;
}

export async function ask(request: SimulatedRequest, init: ClientInit): Promise<Served> {
  const { fetch, clock, onFirstByte, onLeave, onOpen } = init;
  const leaving = new AbortController();
  let left = false;
  const hangUp = (): void => {
    left = true;
    onLeave?.(request.index);
    leaving.abort();
  };
  const timer = request.leavesAfter === undefined ? undefined : clock.timer(hangUp, request.leavesAfter);
  onOpen?.(hangUp);
  let status = 499;
  let headers: Headers | undefined;
  let firstByteAt: number | undefined;
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  let broken = false;
  let leave = (): void => undefined;
  try {
    const response = await fetch(
      new Request("http://simulation.localhost/v1/chat/completions", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-request-id": `s${request.index}`,
          "x-simulated-client": request.client,
          ...(request.session !== undefined && { "x-waygate-session": request.session }),
        },
        body: bodyOf(request),
        signal: leaving.signal,
      }),
    );
    ({ status, headers } = response);
    const reader = response.body?.getReader();
    leave = () => void reader?.cancel().catch(() => (broken = true));
    leaving.signal.addEventListener("abort", leave);
    if (left) leave();
    while (reader) {
      const { done, value } = await reader.read();
      if (done) break;
      // A comment that keeps the link alive is no part of an answer yet.
      if (firstByteAt === undefined && value[0] !== COLON) {
        firstByteAt = clock.now();
        onFirstByte?.(request.index);
      }
      bytes += value.byteLength;
      chunks.push(value);
    }
  } catch {
    // What a client sees of it is all that counts here: the answer has no end.
    broken = true;
  } finally {
    timer?.cancel();
    // Node's `Request` keeps its signal until it is collected itself, which what listens there would keep it from.
    leaving.signal.removeEventListener("abort", leave);
  }
  const text = Buffer.concat(chunks).toString();
  const shown = read(text, request.stream && status === 200);
  const end = left ? "left" : status !== 200 ? "refused" : broken || !shown.complete ? "broken" : "complete";
  const name = (header: string): string | undefined => headers?.get(header) ?? undefined;
  return {
    request,
    status,
    bytes,
    text,
    end,
    firstByteAt,
    code: shown.code,
    words: shown.words,
    usage: shown.usage,
    fallback: name("x-fallback-provider"),
    provider: name("x-waygate-provider"),
    endedAt: clock.now(),
  };
}

interface Shown extends Pick<Served, "code" | "words" | "usage"> {
  readonly complete: boolean;
}

function read(text: string, stream: boolean): Shown {
  const words = (text.match(/"content":"(?:r\d+w\d+ )+"/g) ?? []).map((found) => found.slice(11, -1)).join("");
  const usage = /"usage":\{"prompt_tokens":(-?[\d.]+),"completion_tokens":(-?[\d.]+)/.exec(text);
  const isError = /"error":/.test(text);
  return {
    words,
    complete: !isError && (stream ? text.endsWith("data: [DONE]\n\n") : text.endsWith("}")),
    code: isError ? (/"code":"([\w.-]+)"/.exec(text)?.[1] ?? "none") : undefined,
    usage: usage ? { prompt_tokens: Number(usage[1]), completion_tokens: Number(usage[2]) } : undefined,
  };
}
