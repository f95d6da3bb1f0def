/** Proof that who redeems a code is who asked for it (RFC 7636, S256 only). */
import { createHash } from "node:crypto";
import { generateRandomCodeVerifier } from "oauth4webapi";

export interface Pkce {
  /** Secret until the code is redeemed. */
  readonly verifier: string;
  /** base64url of the verifier's SHA-256, without padding. */
  readonly challenge: string;
}

export function pkce(verifier: string = generateRandomCodeVerifier()): Pkce {
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}
