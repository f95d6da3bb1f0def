/**
 * Routes whose requests and answers only pass through, to upstreams that speak OpenAI's API: pictures, sound,
 * moderations, rerank. What an account keeps at its provider (files, batches, voices, keys) is not among them.
 */

/** Paths below `/v1`; `**` stands for one segment more. */
export const forwardPaths: readonly string[] = [
  "/images/generations",
  "/images/edits",
  "/images/variations",
  "/audio/**",
  "/moderations",
  "/rerank",
];

/** The path below a provider's base URL; `undefined` = 404. */
export function forwardPath(route: string, rest: string | undefined): string | undefined {
  if (!route.endsWith("/**")) return route;
  return rest !== undefined && /^[a-z][a-z0-9_-]{0,63}$/i.test(rest) ? route.slice(0, -"**".length) + rest : undefined;
}
