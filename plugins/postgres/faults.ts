/** What an error of PostgreSQL or of the way to it means (PostgreSQL docs, appendix A, "Error Codes"). */
import type { Fault } from "waygate";
import { type Address, withoutSecrets } from "./address.ts";

const denied = new Set(["28000", "28P01", "3D000", "42501"]);

export function faultOf(error: unknown, address: Address): Fault {
  const { code = "", message = String(error) } = error as { readonly code?: string; readonly message?: string };
  const errors = (error as { readonly errors?: readonly { readonly message?: string }[] }).errors;
  const words = message === "" ? (errors ?? []).map((each) => each.message).join("; ") || code : message;
  const why = withoutSecrets(words, address);
  if (denied.has(code)) return { kind: "denied", why };
  if (code === "25006") return { kind: "read_only", why };
  if (code.startsWith("53")) return { kind: code === "53100" ? "disk_full" : "away", why };
  if (code === "55P03" || code === "57014") return { kind: "busy", why };
  // 08: connection; 57P: the server is shutting down or starting; everything without a SQLSTATE is the network's.
  if (code.startsWith("08") || code.startsWith("57P") || !/^[0-9A-Z]{5}$/.test(code)) return { kind: "away", why };
  return { kind: "failed", why };
}

/** True when the statement or its values are at fault: the others of its batch are not. */
export function blamesStatement(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^(?:22|23|42)[0-9A-Z]{3}$/.test(code) && !denied.has(code);
}
