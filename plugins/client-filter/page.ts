/** What a person sees in a browser in place of an error in JSON. */

/** Seconds until the browser goes on. */
const AFTER = 3;

export function refusalPage(message: string, redirect: string | undefined): Response {
  const go =
    redirect === undefined
      ? ""
      : `<meta http-equiv="refresh" content="${AFTER}; url=${escaped(redirect)}"><p><a rel="noreferrer" href="${escaped(redirect)}">Go on</a></p>`;
  const html = `<!doctype html><meta charset="utf-8"><title>403</title><p>${escaped(message)}</p>${go}\n`;
  return new Response(html, {
    status: 403,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
