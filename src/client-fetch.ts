/** What official clients expect of the `fetch` they are given, where a host's request is answered differently. */

/**
 * Answers one call the way the global `fetch` does: a call that is aborted rejects with the signal's reason, before its
 * headers and in the middle of its body. A server would answer it 499 and break off.
 */
export async function fetchAsClient(
  request: Request,
  answer: (request: Request) => Promise<Response>,
): Promise<Response> {
  const { signal } = request;
  const response = await answer(request);
  signal.throwIfAborted();
  if (!response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(signal.aborted ? signal.reason : error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}
