/** Why Google gives an account no plan, in words that say what to do. */
import type { Json, JsonObject, ProxyError } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { unusableAccount } from "./ask.ts";

const advice: { readonly [reason: string]: string } = {
  UNSUPPORTED_CLIENT:
    "Google serves this plan no longer through this kind of client; use an API key of AI Studio with the gemini provider, or a licence of Code Assist Standard or Enterprise",
  DASHER_USER: "it is a Workspace account, which needs a project of its organisation with a licence",
  RESTRICTED_AGE: "the account's owner is too young for it",
  RESTRICTED_NETWORK: "it may not be used from this network",
  UNSUPPORTED_LOCATION: "it is not offered where the account is registered",
  UNKNOWN_LOCATION: "Google cannot tell where the account is registered",
};

/** An error whose remedy is a page that the account's owner has to open has `asksPerson`. */
export function ineligible(loaded: JsonObject): (ProxyError & { readonly asksPerson: boolean }) | undefined {
  const value = loaded["ineligibleTiers"];
  const rows = Array.isArray(value) ? (value as readonly Json[]).filter((each) => isObject(each)) : [];
  if (rows.length === 0) return undefined;
  const check = rows.find((row) => row["reasonCode"] === "VALIDATION_REQUIRED" && textOf(row, "validationUrl") !== "");
  const words = rows.map((row) => {
    const code = textOf(row, "reasonCode");
    const said = textOf(row, "reasonMessage");
    return [
      `${code || "no reason given"}: ${advice[code] ?? said}`,
      ...(advice[code] && said ? [`(${said})`] : []),
    ].join(" ");
  });
  const message = check
    ? `Google wants this account to be verified in a browser: ${textOf(check, "validationUrl")}`
    : `Google offers this account no plan. ${words.join("; ")}`;
  return Object.assign(unusableAccount(message), { asksPerson: check !== undefined });
}

function textOf(row: JsonObject, name: string): string {
  const value = row[name];
  return typeof value === "string" ? value : "";
}
