/** `GET /api/keys/status` and `GET /api/models`: what the command line of this machine asks a running server. */
import type { Discovery } from "../../candidates/discovery.ts";
import { loadCatalog } from "../../catalog/load.ts";
import type { OpenOverlay } from "../../overlay/overlay.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { type AdminAccess, requireAdmin } from "../admin-access.ts";
import { keysDocument } from "../key-status.ts";
import { modelsDocument } from "../model-status.ts";
import { json } from "../reply.ts";
import type { Call, Route } from "../route.ts";
import { keyActRoute } from "./key-acts.ts";
import { settingsRoutes } from "./settings.ts";

export interface AdminRoutesInit {
  readonly admin: AdminAccess;
  readonly discovery: Discovery;
  readonly overlay: OpenOverlay;
}

export function adminRoutes(
  pipeline: Pipeline,
  { admin, discovery, overlay }: AdminRoutesInit,
): { readonly [path: string]: Route } {
  const { app } = pipeline;
  const answering = (document: () => object | Promise<object>): Route => ({
    methods: {
      async GET(call: Call) {
        await requireAdmin(pipeline, admin, call);
        const response = json(await document(), call.id);
        response.headers.set("cache-control", "no-store");
        return response;
      },
    },
  });
  return {
    "/api/keys/status": answering(() => keysDocument(app, { usesToday: admin.granted?.usesToday })),
    "/api/keys/**": keyActRoute(pipeline, admin),
    "/api/models": answering(async () => modelsDocument(app, await loadCatalog(), discovery.listings())),
    ...settingsRoutes(pipeline, { admin, overlay }),
  };
}
