/** The secret of the client that Antigravity signs in as. It is not ours to ship; it lies in the user's own installation. */
import { join } from "node:path";
import { ProxyError } from "waygate";
import { secretOf } from "waygate/plugins/code-assist";

/** Of the Antigravity IDE. */
export const clientId = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";

/** Where installers put the application. */
export function usualFolders(env: { readonly [name: string]: string | undefined } = process.env): readonly string[] {
  const home = env["HOME"] ?? "";
  const local = env["LOCALAPPDATA"];
  return [
    "/Applications/Antigravity.app/Contents/Resources/app",
    join(home, "Applications/Antigravity.app/Contents/Resources/app"),
    "/usr/share/antigravity/resources/app",
    "/opt/Antigravity/resources/app",
    "/opt/antigravity/resources/app",
    join(home, ".local/share/antigravity/resources/app"),
    ...(local ? [join(local, "Programs", "Antigravity", "resources", "app")] : []),
  ];
}

/** The secret in an installation of the Antigravity IDE; `undefined` where there is none. */
export function installedSecret(folders: readonly string[] = usualFolders()): string | undefined {
  return secretOf({ roots: folders, places, clientId });
}

/** The error for a login or a refresh without it. */
export function missingSecret(): ProxyError {
  return new ProxyError({
    kind: "internal",
    scope: "credential",
    message:
      "Antigravity: the client secret is missing, so no token can be asked for. It is part of the Antigravity IDE, whose installation on this machine is searched for it; elsewhere set ANTIGRAVITY_CLIENT_SECRET to it (beside the client id in the IDE's out/main.js).",
  });
}

/** Where releases have had their code. */
const places = [
  "out",
  "out/vs/code/electron-main",
  "extensions/antigravity/dist",
  "extensions/antigravity/out",
  "dist",
];
