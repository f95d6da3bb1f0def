/** Every answer names its request, also one that a plugin made. */

/** The answer of somebody else under the request's id, unless it names one. Its headers may be frozen. */
export function withId(response: Response, id: string): Response {
  if (response.headers.has("x-request-id")) return response;
  try {
    response.headers.set("x-request-id", id);
    return response;
  } catch {
    // Responses of `fetch` and of `Response.redirect` cannot be changed.
    const headers = new Headers(response.headers);
    headers.set("x-request-id", id);
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
  }
}
