/** What every answer of an upstream tells the client about who gave it. */
import type { Attempt } from "../plugin/context.ts";

/** Adds the proxy's own headers to those of an answer. */
export function nameAnswerer(headers: { [name: string]: string }, { ctx, provider, model }: Attempt): void {
  headers["x-request-id"] = ctx.id;
  headers["x-waygate-provider"] = provider.name;
  headers["x-waygate-model"] = headerText(model);
  headers["x-waygate-attempts"] = String(ctx.attempts.length);
}

/** A client's or upstream's text as a header that every client can read: of one line, of ASCII and not endless. */
function headerText(text: string): string {
  return plainText.test(text) ? text : encodeURI(text.slice(0, 256).toWellFormed());
}

/** What `encodeURI` leaves as it is, as most names of models are. */
const plainText = /^[\w.:/@+-]{1,256}$/;
