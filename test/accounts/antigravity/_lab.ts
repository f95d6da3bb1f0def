/** A proxy with accounts of Antigravity before the fake of Google. */
import type { JsonObject } from "waygate";
import { antigravity, type AntigravityOptions } from "waygate/plugins/antigravity";
import { cooldown } from "waygate/plugins/cooldown";
import { clientId } from "../../../plugins/antigravity/secret.ts";
import { clientKey } from "../_chat-lab.ts";
import { type QuotaFake, withQuotas } from "../_google/antigravity.ts";
import { flavors } from "../_google/flavors.ts";
import type { GoogleFake } from "../_google/google.ts";
import { type GoogleLab, googleLab, type GoogleLabOptions, signInAt } from "../_google/lab.ts";

export { known } from "../_google/lab.ts";
export { testPerson as visitor } from "../oauth/_person.ts";
export { clientId, clientKey };

export interface LabOptions extends GoogleLabOptions {
  readonly options?: Omit<AntigravityOptions, "name" | "models"> & { readonly models?: readonly string[] };
}

export interface Lab extends GoogleLab {
  readonly quota: QuotaFake;
  /** Asks for an answer in Google's own protocol. */
  generate(model: string, body: JsonObject, method?: string): Promise<Response>;
  /** The latest request of the Gemini protocol that came to the service. */
  readonly sent: { readonly [field: string]: never };
}

export async function lab({ options = {}, plugins = [], ...rest }: LabOptions = {}): Promise<Lab> {
  let quota: QuotaFake | undefined;
  const it = await googleLab({
    model: "antigravity/gemini-3-flash",
    flavor: flavors.antigravity,
    clientId,
    ...rest,
    plugins: [cooldown(), ...plugins],
    plugin(google, store) {
      quota = withQuotas(google);
      return antigravity({ ...settings(google), store, discover: false, quotaInterval: 0, ...options });
    },
  });
  return {
    ...it,
    quota: quota!,
    generate: (model, body, method = "generateContent") =>
      it.proxy.fetch(`/v1beta/models/${encodeURIComponent(`antigravity/${model}`)}:${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-goog-api-key": clientKey },
        body: JSON.stringify(body),
      }),
    get sent() {
      return it.google.generated.at(-1)!.request as { readonly [field: string]: never };
    },
  };
}

/** Addresses and client of the fake; no waits worth the name. */
function settings(google: GoogleFake) {
  return {
    ...signInAt(google),
    baseURL: [google.base("daily"), google.base("prod")],
    clientId,
    emptyWaits: [5, 5],
    callPause: 5,
  } as const;
}

/** A declaration of a chat completion. */
export function tool(name: string, parameters?: JsonObject): JsonObject {
  return { type: "function", function: { name, description: `Does ${name}.`, ...(parameters && { parameters }) } };
}

export const city: JsonObject = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};
