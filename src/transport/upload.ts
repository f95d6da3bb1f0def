/** Sends a streamed body, and knows whose time passes: the upstream's, which has to take what there is, or not. */
import { ProxyError } from "../failure/error.ts";
import type { StreamedBody } from "../plugin/provider.ts";

export interface UploadEvents {
  /** The next bytes are waited for; the upstream can do nothing. */
  waiting(): void;
  /** There are bytes, or all have been sent: it is the upstream's turn. */
  given(): void;
  /** The body cannot be had. */
  failed(error: ProxyError): void;
}

export async function* upload(body: StreamedBody, events: UploadEvents): AsyncGenerator<Uint8Array, void> {
  try {
    events.waiting();
    for await (const chunk of body.open()) {
      events.given();
      yield chunk;
      events.waiting();
    }
    events.given();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    events.failed(
      ProxyError.is(error)
        ? error
        : new ProxyError({ kind: "internal", message: `The request's body cannot be read: ${text}`, cause: error }),
    );
    throw error;
  }
}

/** The headers with those that belong to the body. */
export function uploadHeaders(
  headers: { readonly [name: string]: string },
  { contentType, length }: StreamedBody,
): { readonly [name: string]: string } {
  const { "content-length": _length, ...rest } = headers;
  return {
    ...rest,
    "content-type": contentType,
    ...(length !== undefined && { "content-length": String(length) }),
  };
}
