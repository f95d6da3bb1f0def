/** The h3 app: which route is what, who may reach it, and every refusal as JSON in the client's protocol. */
import { H3, HTTPError, type H3Event } from "h3";
import { ProxyError } from "../failure/error.ts";
import { renderResponse } from "../pipeline/error-response.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { handleRequest } from "../pipeline/run.ts";
import { withId } from "../pipeline/with-id.ts";
import type { Principal } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { Protocol } from "../protocols/types.ts";
import { requireAdmin } from "./admin-access.ts";
import { createDoor } from "./door.ts";
import { clientProtocolOf } from "./client-protocol.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { forwardPath, forwardPaths } from "./forward-routes.ts";
import { clientAddress, refuseForeign } from "./origin.ts";
import { identify, pluginRoute } from "./plugin-routes.ts";
import { bodyReader } from "./read-body.ts";
import { formReader } from "./read-form.ts";
import { requestId } from "./request-id.ts";
import { type RoutesInit, routesOf } from "./routes/index.ts";
import { pathsOf } from "./paths.ts";
import type { Call, Route } from "./route.ts";

/** The fetch handler of a proxy. */
export function createServerApp(pipeline: Pipeline, init: RoutesInit): (request: Request) => Promise<Response> {
  const { app } = pipeline;
  const { base, server } = app.config;
  const guarded = pipeline.hooks.auth.length > 0;
  const { protocols } = init;
  const main = protocols[0]!;
  const clientProtocol = clientProtocolOf(protocols, base);
  // A path that is no valid percent-encoding matches no route and is a 404 like any other.
  const h3 = new H3({ silent: true, allowMalformedURL: true });

  const generate =
    (protocol: Protocol, asked: Protocol["routes"][`${string} /${string}`]) =>
    (call: Call): Promise<Response> => {
      const operation = typeof asked === "function" ? asked(call.rest ?? "") : asked;
      if (!operation) throw notFound(call.req.method, call.url.pathname);
      return handleRequest(pipeline, {
        req: call.req,
        id: call.id,
        ip: call.ip,
        protocol,
        operation,
        readBody: bodyReader(call.req, server.maxBody),
      });
    };

  const forward =
    (protocol: Protocol, route: string) =>
    (call: Call): Promise<Response> => {
      const path = forwardPath(route, call.rest);
      if (path === undefined) throw notFound(call.req.method, call.url.pathname);
      return handleRequest(pipeline, {
        req: call.req,
        id: call.id,
        ip: call.ip,
        protocol,
        operation: "forward",
        readBody: bodyReader(call.req, server.maxBody),
        forward: { path, readForm: formReader(call.req, server.maxBody) },
      });
    };

  const refused = ({ id, url, req }: Pick<Call, "id" | "url" | "req">, thrown: unknown): Response => {
    const error = HTTPError.isError(thrown) ? meantForClient(thrown) : thrown;
    if (!ProxyError.is(error)) app.log.error(`Request ${id} failed inside the proxy:`, error);
    const protocol = clientProtocol(url.pathname, req.headers);
    return renderResponse(error, { id, protocol, now: app.runtime.clock.now() });
  };

  const door = createDoor(app);
  const mount = (path: string, { methods, exists }: Route): void => {
    const admit = door?.(path);
    const allow = [...Object.keys(methods), ...(methods["GET"] ? ["HEAD"] : []), "OPTIONS"].join(", ");
    const answer = async (event: H3Event): Promise<Response> => {
      const req = event.req as unknown as Request;
      const { headers } = req;
      const call: Call = {
        event,
        req,
        url: event.url,
        id: requestId(headers, app.runtime),
        ip: clientAddress(event, server.trustProxy),
        rest: event.context.params?.["_"],
      };
      const cors = corsHeaders(headers, path, guarded, server.cors);
      const method = req.method === "HEAD" && !methods["HEAD"] ? "GET" : req.method;
      const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
      let response: Response;
      try {
        refuseForeign(headers, guarded, server);
        const answered = admit?.(call);
        if (answered) return ofThisProcess(withId(answered, call.id));
        if (!run && exists?.(call.rest ?? "") === false) throw notFound(req.method, event.url.pathname);
        if (req.method === "OPTIONS") return withId(preflight(req, cors, allow), call.id);
        if (!run) throw methodNotAllowed(req.method, allow);
        response = await run(call);
      } catch (error) {
        response = refused(call, error);
      }
      return ofThisProcess(cors ? withHeaders(response, cors) : response);
    };
    for (const each of pathsOf(path)) h3.all(base + each, answer);
  };

  // By path, so that one path with several methods is one route that knows them all.
  const routes = new Map<string, Route>(Object.entries(routesOf(pipeline, init)));
  const add = (route: string, more: (method: string) => Route): void => {
    const [method, path] = route.split(" ") as [string, string];
    const known = routes.get(path)?.methods ?? {};
    // The core's own cannot be taken over.
    if (Object.hasOwn(known, method)) return;
    const { methods, exists } = more(method);
    // What has been there before is there for whatever stands in the path.
    routes.set(path, { methods: { ...known, ...methods }, ...(exists && !routes.has(path) && { exists }) });
  };
  for (const protocol of protocols) {
    for (const [route, operation] of Object.entries(protocol.routes)) {
      const exists = typeof operation === "function" && ((rest: string): boolean => operation(rest) !== undefined);
      add(route, (method) => ({ methods: { [method]: generate(protocol, operation) }, ...(exists && { exists }) }));
    }
  }
  const openai = protocols.find(({ id }) => id === "openai-chat");
  for (const route of openai ? forwardPaths : []) {
    add(`POST /v1${route}`, (method) => ({ methods: { [method]: forward(openai!, route) } }));
  }
  for (const plugin of app.plugins) {
    for (const [route, handler] of Object.entries(plugin.routes ?? {})) {
      const access = (call: Call): MaybePromise<Principal | undefined> => {
        if (plugin.publicRoutes?.includes(route)) return undefined;
        if (plugin.adminRoutes?.includes(route)) return requireAdmin(pipeline, init.admin, call);
        return identify(pipeline, main, call);
      };
      add(route, (method) => pluginRoute(method, handler, access));
    }
  }
  for (const [path, route] of routes) mount(path, route);
  h3.all("/**", (event) => {
    const req = event.req as unknown as Request;
    const id = requestId(req.headers, app.runtime);
    return ofThisProcess(refused({ id, req, url: event.url }, notFound(req.method, event.url.pathname)));
  });

  return (request) => Promise.resolve(h3.fetch(request));
}

/**
 * The response in the class that is called `Response` now. A library may have replaced it after ours was loaded, as
 * Hono's server for Node does, and h3 and hosts ask by `instanceof`.
 */
function ofThisProcess(response: Response): Response {
  if (response instanceof Response) return response;
  const { status, statusText, headers } = response as Response;
  return new Response((response as Response).body, { status, statusText, headers });
}

function withHeaders(response: Response, extra: { readonly [name: string]: string }): Response {
  for (const [name, value] of Object.entries(extra)) response.headers.set(name, value);
  return response;
}

/** What a plugin's route throws as an `HTTPError` is its answer, unless h3 made it of something unexpected. */
function meantForClient(error: HTTPError): unknown {
  if (error.unhandled || error.status < 400) return error.cause ?? error;
  const kind = error.status >= 500 ? "upstream" : error.status === 404 ? "not_found" : "invalid_request";
  return new ProxyError({ kind, status: error.status, message: error.message, cause: error });
}

function methodNotAllowed(method: string, allow: string): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    status: 405,
    code: "method_not_allowed",
    message: `${method} is not allowed here; use ${allow}.`,
    headers: { allow },
  });
}

function notFound(method: string, path: string): ProxyError {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path;
  return new ProxyError({
    kind: "not_found",
    code: "not_found",
    message: `There is no ${method} ${shown} here. The API begins with /v1; its models: GET /v1/models.`,
  });
}
