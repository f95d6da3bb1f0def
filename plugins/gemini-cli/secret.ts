/** The secret of the client that Gemini CLI signs in as. It is not ours to ship; Google publishes it in its own package. */
import { realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { ProxyError } from "waygate";
import { secretOf } from "waygate/plugins/code-assist";

/** Of Gemini CLI as Google publishes it (google-gemini/gemini-cli, `code_assist/oauth2.ts`). */
export const clientId = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";

export interface SecretPlaces {
  readonly env?: { readonly [name: string]: string | undefined };
  readonly cwd?: string;
}

/** The secret in the user's own installation of `@google/gemini-cli`; `undefined` where there is none. */
export function installedSecret({ env = process.env, cwd = process.cwd() }: SecretPlaces = {}): string | undefined {
  return secretOf({ roots: packageFolders(env, cwd), places, clientId });
}

/** The error for a login or a refresh without it. */
export function missingSecret(): ProxyError {
  return new ProxyError({
    kind: "internal",
    scope: "credential",
    message:
      "Gemini CLI: the client secret is missing, so no token can be asked for. Google publishes it as OAUTH_CLIENT_SECRET in packages/core/src/code_assist/oauth2.ts of github.com/google-gemini/gemini-cli: set GEMINI_CLI_CLIENT_SECRET to it, or install @google/gemini-cli, where it is found by itself.",
  });
}

const names = ["@google/gemini-cli", "@google/gemini-cli-core"];

function packageFolders(env: NonNullable<SecretPlaces["env"]>, cwd: string): readonly string[] {
  const found: string[] = [];
  for (let folder = cwd; ; folder = dirname(folder)) {
    found.push(...names.map((name) => join(folder, "node_modules", name)));
    if (dirname(folder) === folder) break;
  }
  for (const folder of (env["PATH"] ?? env["Path"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    // On Windows the package lies beside the command, elsewhere the command is a link into it.
    found.push(...names.map((name) => join(folder, "node_modules", name)));
    const root = packageOf(realPath(join(folder, "gemini")));
    if (root !== undefined) found.push(root);
  }
  return found.flatMap((folder) => [folder, join(folder, "node_modules", "@google", "gemini-cli-core")]);
}

function packageOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : /^.*[/\\]@google[/\\]gemini-cli(?=[/\\])/.exec(path)?.[0];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // Not there: somebody else's folder of commands.
    return undefined;
  }
}

/** Where releases have had their code. */
const places = ["bundle", "dist", "dist/src/code_assist", "dist/src"];
