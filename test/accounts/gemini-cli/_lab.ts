/** A proxy with accounts of Gemini CLI before the fake of Google. */
import type { AccountFields } from "waygate";
import { geminiCli, type GeminiCliOptions } from "waygate/plugins/gemini-cli";
import { resilience } from "waygate/plugins/resilience";
import { clientId } from "../../../plugins/gemini-cli/secret.ts";
import { flavors } from "../_google/flavors.ts";
import type { GoogleFake } from "../_google/google.ts";
import { type GoogleLab, googleLab, type GoogleLabOptions, signInAt } from "../_google/lab.ts";

export { clientKey } from "../_chat-lab.ts";
export { known, secret } from "../_google/lab.ts";
export { testPerson as visitor } from "../oauth/_person.ts";
export { clientId };

export interface LabOptions extends GoogleLabOptions {
  readonly cli?: Omit<GeminiCliOptions, "name" | "models"> & { readonly models?: readonly string[] };
  /** Without it no policy lets anything rest. Default true. */
  readonly policies?: boolean;
}

export interface Lab extends GoogleLab {
  /** What is kept of an account. */
  fields(email: string): Promise<AccountFields>;
}

const waits = { capacityWaits: [10, 10, 10], emptyWaits: [10, 10] };

export async function lab({ cli = {}, plugins = [], policies = true, ...rest }: LabOptions = {}): Promise<Lab> {
  const it = await googleLab({
    model: "gemini_cli/gemini-2.5-pro",
    flavor: flavors.gemini_cli,
    clientId,
    ...rest,
    plugins: [policies && resilience(), ...plugins],
    plugin: (google, store) =>
      geminiCli({ ...settings(google), store, discover: false, quotaInterval: 0, waits, ...cli }),
  });
  return {
    ...it,
    fields: async (email) => (await it.kept()).find((fields) => JSON.stringify(fields).includes(email))!,
  };
}

/** Addresses and client of the fake. */
export function settings(google: GoogleFake) {
  return { ...signInAt(google), baseURL: google.base(), clientId } as const;
}
