/** The secret of an installed application's client, from the user's own installation of it: it is not ours to ship. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Installation {
  /** Folders in which it may be installed. */
  readonly roots: readonly string[];
  /** Folders in them where releases have had their code. */
  readonly places: readonly string[];
  /** Public; the secret stands beside it. */
  readonly clientId: string;
}

/** `undefined` where it is not installed. */
export function secretOf({ roots, places, clientId }: Installation): string | undefined {
  for (const root of roots) {
    for (const file of places.flatMap((place) => sourcesIn(join(root, place)))) {
      const secret = secretIn(file, clientId);
      if (secret !== undefined) return secret;
    }
  }
  return undefined;
}

function sourcesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.[cm]?js$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    // Another release, or not installed there.
    return [];
  }
}

function secretIn(file: string, clientId: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // A file that cannot be read holds nothing for us.
    return undefined;
  }
  const at = text.indexOf(clientId);
  if (at === -1) return undefined;
  const named = /OAUTH_CLIENT_SECRET\s*=\s*["'`]([\w-]{10,100})["'`]/.exec(text)?.[1];
  // Names may have been shortened, and other clients have theirs in the same file: it mostly stands behind its id.
  const quoted = /["'`](GOCSPX-[\w-]{10,100})["'`]/;
  return (
    named ?? quoted.exec(text.slice(at, at + 4000))?.[1] ?? quoted.exec(text.slice(Math.max(0, at - 2000), at))?.[1]
  );
}
