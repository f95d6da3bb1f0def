/** Cross-origin answers: open to browsers on the API when a key is required, never with credentials for everybody. */
import type { CorsConfig, ServerConfig } from "../config/types.ts";

type Extra = { readonly [name: string]: string };

const exposed =
  "x-request-id, x-waygate-provider, x-waygate-model, x-waygate-attempts, x-waygate-estimated, x-fallback-provider, retry-after";

/** The headers for this path and origin, or `undefined` when a browser page may not read the answer. */
export function corsHeaders(
  headers: Headers,
  path: string,
  guarded: boolean,
  cors: ServerConfig["cors"],
): Extra | undefined {
  const origin = headers.get("origin");
  if (origin === null || cors === false || isPrivate(path)) return undefined;
  // Only the API is for everybody's pages; what else plugins serve is opened by a config that says so.
  const config: CorsConfig | undefined = cors ?? (guarded && path.startsWith("/v1") ? { origins: "*" } : undefined);
  if (!config) return undefined;
  if (config.origins === "*") return { "access-control-allow-origin": "*", "access-control-expose-headers": exposed };
  if (!config.origins.includes(origin)) return undefined;
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": exposed,
    vary: "origin",
  };
}

/** What only an administrator uses has no business in a page of another origin. */
function isPrivate(path: string): boolean {
  return /^\/(admin|api|metrics)(\/|$)/.test(path);
}

/** The answer to OPTIONS: 204 with what is allowed, or 403 to a page that may not call. `allow` is the list of methods. */
export function preflight(req: Request, cors: Extra | undefined, allow: string): Response {
  if (!req.headers.has("origin")) return new Response(null, { status: 204, headers: { allow } });
  if (!cors) return new Response(null, { status: 403 });
  return new Response(null, {
    status: 204,
    headers: {
      ...cors,
      "access-control-allow-methods": allow,
      "access-control-allow-headers":
        req.headers.get("access-control-request-headers") ?? "authorization, content-type",
      "access-control-max-age": "600",
    },
  });
}
