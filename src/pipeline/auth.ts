/** Who is calling: the auth hooks in order, the first that knows the caller wins. */
import { ProxyError } from "../failure/error.ts";
import type { App } from "../plugin/app.ts";
import type { Context, Principal } from "../plugin/context.ts";
import type { Hooks } from "../plugin/hooks.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import { type CompiledHooks, first, isPromise } from "./hooks.ts";

/** Throws a 401 when there are auth hooks and all decline. Without any, everybody who gets here may call. */
export function authenticate(app: App, hooks: CompiledHooks, ctx: Context): MaybePromise<Principal | undefined> {
  if (hooks.auth.length === 0) return undefined;
  const principal = first<Hooks["auth"], Principal>(hooks.auth, app.runtime.tracer, ctx, (hook) => hook.handler(ctx));
  return isPromise(principal) ? principal.then((found) => known(found as Principal, ctx)) : known(principal, ctx);
}

function known(principal: Principal | undefined, ctx: Context): Principal {
  if (principal) return principal;
  const { headers } = ctx.req;
  const sent = headers.has("authorization") || headers.has("x-api-key") || headers.has("x-goog-api-key");
  throw new ProxyError({
    kind: "unauthenticated",
    message: sent
      ? "The API key sent is not one of this proxy. Send a key of the proxy, not of a provider."
      : "No API key was sent. Send the proxy's key as `Authorization: Bearer KEY` or in `x-api-key`.",
    headers: { "www-authenticate": "Bearer" },
  });
}
