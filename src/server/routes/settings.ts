/** `GET /api/settings` and `GET`, `PUT`, `DELETE /api/settings/{name}`: what administrators edit while the proxy runs. */
import { ProxyError } from "../../failure/error.ts";
import type { OpenOverlay } from "../../overlay/overlay.ts";
import type { Edit } from "../../overlay/types.ts";
import { parseObject } from "../../pipeline/accept.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { type AdminAccess, requireAdmin } from "../admin-access.ts";
import { bodyReader } from "../read-body.ts";
import { json } from "../reply.ts";
import type { Call, Route } from "../route.ts";

/** Bytes of a body with a setting; the setting itself may be shorter. */
const BODY = 1024 * 1024;

export interface SettingsInit {
  readonly admin: AdminAccess;
  readonly overlay: OpenOverlay;
}

export function settingsRoutes(
  pipeline: Pipeline,
  { admin, overlay }: SettingsInit,
): { readonly [path: string]: Route } {
  /** The name of whoever calls, for the record of edits. */
  const actorOf = async (call: Call): Promise<string> => {
    const { id, label } = await requireAdmin(pipeline, admin, call);
    return (label ?? id).slice(0, 200);
  };
  const answer = (document: object, { id }: Call): Response => {
    const response = json(document, id);
    response.headers.set("cache-control", "no-store");
    return response;
  };
  return {
    "/api/settings": {
      methods: {
        async GET(call) {
          await actorOf(call);
          return answer({ settings: overlay.list() }, call);
        },
      },
    },
    "/api/settings/**": {
      methods: {
        async GET(call) {
          await actorOf(call);
          return answer(overlay.find(call.rest ?? ""), call);
        },
        async PUT(call) {
          const actor = await actorOf(call);
          const edit = { name: call.rest ?? "", ...(await editIn(call)), actor };
          return answer(await overlay.edit(edit), call);
        },
        async DELETE(call) {
          const actor = await actorOf(call);
          const version = versionOf(Number(call.url.searchParams.get("version") ?? Number.NaN), "?version=");
          return answer(await overlay.edit({ name: call.rest ?? "", value: undefined, version, actor }), call);
        },
      },
    },
  };
}

async function editIn({ req }: Call): Promise<Pick<Edit, "value" | "version">> {
  const { value, version } = parseObject(await bodyReader(req, BODY)());
  if (value === undefined || value === null) {
    const message = 'The body is {"value": …, "version": …}. DELETE takes all edits back.';
    throw new ProxyError({ kind: "invalid_request", param: "value", message });
  }
  return { value, version: versionOf(version, '"version"') };
}

function versionOf(given: unknown, where: string): number {
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return given;
  throw new ProxyError({
    kind: "invalid_request",
    param: "version",
    message: `${where} must be the version that the edit was made from, so that nobody undoes what another has done meanwhile. GET of the same path tells it; 0 = never edited.`,
  });
}
