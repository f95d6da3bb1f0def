/** Spellings of a path that clients with a slightly wrong base URL use. */

/** The path itself, with a doubled `/v1`, and without it. */
export function pathsOf(path: string): readonly string[] {
  if (!path.startsWith("/v1/")) return [path];
  return [path, `/v1${path}`, path.slice("/v1".length)];
}
