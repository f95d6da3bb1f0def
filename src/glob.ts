/**
 * Patterns over model names: `*` is any text, `?` one character, everything else is literal, case is ignored. A path
 * matcher would stop `*` at the slashes that model names are full of.
 */

/** Compiles patterns to a test that is true when any of them matches the whole text. */
export function matchesGlob(patterns: string | readonly string[]): (text: string) => boolean {
  const folded = (typeof patterns === "string" ? [patterns] : patterns).map((pattern) => pattern.toLowerCase());
  return (text) => folded.some((pattern) => matches(pattern, text.toLowerCase()));
}

/** Steps back to the last `*` only, so that a long name from a client costs length × length at most. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let read = 0;
  let star = -1;
  let resume = 0;
  while (read < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      resume = read;
    } else if (pattern[at] === "?" || pattern[at] === text[read]) {
      at++;
      read++;
    } else if (star !== -1) {
      at = star + 1;
      read = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
