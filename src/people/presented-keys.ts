/** The keys a client shows, wherever its SDK puts them. */
import type { Context } from "../plugin/context.ts";

/** Clients of the official SDKs send different headers; Gemini clients may use the query. */
export function* presentedKeys({ req, protocol }: Pick<Context, "req" | "protocol">): Generator<string> {
  const bearer = /^bearer +(\S+) *$/i.exec(req.headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) yield bearer;
  for (const name of ["x-api-key", "x-goog-api-key"]) {
    const key = req.headers.get(name);
    if (key) yield key;
  }
  if (protocol.id !== "gemini") return;
  const key = new URL(req.url).searchParams.get("key");
  if (key) yield key;
}
