/** Tokens of users: 256 random bits, of which only a hash is kept. */
import { hash, randomBytes } from "node:crypto";

const PREFIX = "wg-";

export function newToken(): string {
  return PREFIX + randomBytes(32).toString("base64url");
}

/** So many random bits have no dictionary, and no slow hash is needed against one. */
export function hashOf(token: string): string {
  return hash("sha256", token);
}

export function hintOf(token: string): string {
  return token.slice(-4);
}

/** Short enough to type. */
export function newId(): string {
  return randomBytes(6).toString("hex");
}
