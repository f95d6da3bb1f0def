/** `POST /api/keys/{id}/enable`, `/disable` and `/probe`: what an administrator does about one key. */
import { ProxyError } from "../../failure/error.ts";
import { maskSecrets } from "../../failure/mask.ts";
import { parseObject } from "../../pipeline/accept.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { App } from "../../plugin/app.ts";
import type { Credential } from "../../plugin/provider.ts";
import { type AdminAccess, requireAdmin } from "../admin-access.ts";
import { type KeyStatus, keysDocument } from "../key-status.ts";
import { bodyReader } from "../read-body.ts";
import { json } from "../reply.ts";
import type { Call, Route } from "../route.ts";

export const keyActs = ["enable", "disable", "probe"] as const;
export type KeyAct = (typeof keyActs)[number];

/** What became of a key: its row as it is now. */
export interface KeyActDocument extends KeyStatus {
  readonly provider: string;
  /** For `probe`: what was found. */
  readonly probe?: ProbeDocument;
}

export interface ProbeDocument {
  readonly ok: boolean;
  readonly ms: number;
  /** Whether its models were listed or one has answered; null when neither. */
  readonly by: "list" | "completion" | null;
  /** What is wrong, without secrets. */
  readonly error: string | null;
}

/** Bytes of a body with a reason. */
const BODY = 10_000;
/** Characters of a reason that are kept. */
const REASON = 200;

export function keyActRoute(pipeline: Pipeline, admin: AdminAccess): Route {
  const { app } = pipeline;
  return {
    exists: (rest) => asked(rest) !== undefined,
    methods: {
      async POST(call: Call) {
        await requireAdmin(pipeline, admin, call);
        const found = asked(call.rest ?? "");
        if (found === undefined) throw noSuchAct();
        const { id, act } = found;
        const credential = app.credentials.get(id);
        if (credential === undefined) throw unknownKey(id);
        const probe = await acts[act](app, credential, await reasonIn(call));
        const { providers } = keysDocument(app, { usesToday: admin.granted?.usesToday });
        const home = providers.find(({ provider }) => provider === credential.provider);
        const row = home?.keys.find((key) => key.id === id);
        if (home === undefined || row === undefined) throw unknownKey(id);
        const document: KeyActDocument = { ...row, provider: home.provider, ...(probe && { probe }) };
        const response = json(document, call.id);
        response.headers.set("cache-control", "no-store");
        return response;
      },
    },
  };
}

function asked(rest: string): { readonly id: string; readonly act: KeyAct } | undefined {
  const slash = rest.lastIndexOf("/");
  const act = keyActs.find((each) => each === rest.slice(slash + 1));
  return act === undefined || slash < 1 ? undefined : { id: rest.slice(0, slash), act };
}

const acts: {
  readonly [Act in KeyAct]: (app: App, credential: Credential, reason: string) => Promise<ProbeDocument | undefined>;
} = {
  /** Whatever rests of the key: a human says that it may be used. */
  async enable({ credentials }, { id }) {
    for (const { target } of credentials.rests()) if (target.credential === id) credentials.wake(target);
    return undefined;
  },
  async disable({ credentials }, { id, provider }, reason) {
    credentials.rest(
      { provider, credential: id },
      {
        state: "disabled",
        until: Number.POSITIVE_INFINITY,
        policy: "admin",
        reason: reason === "" ? "by hand" : reason,
        kind: "dead",
      },
    );
    return undefined;
  },
  async probe({ credentials, runtime }, credential) {
    const began = runtime.clock.monotonic();
    const done = (by: ProbeDocument["by"], error: string | null): ProbeDocument => ({
      ok: error === null,
      ms: Math.round(runtime.clock.monotonic() - began),
      by,
      error,
    });
    try {
      const { by } = await credentials.probe(credential);
      return done(by, null);
    } catch (error) {
      return done(null, maskSecrets(error instanceof Error ? error.message : String(error)).slice(0, 300));
    }
  },
};

/** `{ "reason": "…" }`, or no body at all. */
async function reasonIn({ req }: Call): Promise<string> {
  const text = await bodyReader(req, BODY)();
  if (text.trim() === "") return "";
  const { reason = "" } = parseObject(text);
  if (typeof reason === "string") return maskSecrets(reason.replaceAll(/\s+/g, " ").trim()).slice(0, REASON);
  throw new ProxyError({ kind: "invalid_request", param: "reason", message: "reason must be a text." });
}

function noSuchAct(): ProxyError {
  const message = `There is no such route. Of a key one can ${keyActs.join(", ")}: POST /api/keys/{id}/enable.`;
  return new ProxyError({ kind: "not_found", message });
}

function unknownKey(id: string): ProxyError {
  const shown = JSON.stringify(id.slice(0, 100));
  return new ProxyError({
    kind: "not_found",
    message: `There is no key ${shown}. All ids: GET /api/keys/status.`,
  });
}
