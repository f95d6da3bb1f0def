/** What an account's file is called. */
import { createHash } from "node:crypto";

/** Names Windows keeps for devices. */
const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;

/** Lower-case letters, digits and `-`, at most 40 of them; empty when nothing of the text is left. */
function slug(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z\d]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
}

/**
 * Names for the file of a new account, the best first, without end: the local part of its address, the whole address,
 * then numbers.
 */
export function* fileNames(wanted: string | undefined, identity: string | undefined): Generator<string, never> {
  const whole = wanted ?? "";
  const short = slug(whole.split("@", 1)[0] ?? "");
  const base = short === "" ? "account" : reserved.test(short) ? `${short}-account` : short;
  if (short !== "" || identity === undefined) yield base;
  else yield `account-${createHash("sha256").update(identity).digest("hex").slice(0, 6)}`;
  if (whole.includes("@")) yield slug(whole) || base;
  for (let number = 2; ; number++) yield `${base}-${number}`;
}

/** A name that a person gave, in the form of a file's. */
export function givenName(name: string): string | undefined {
  const text = slug(name.split("@", 1)[0] ?? "");
  return text === "" || reserved.test(text) ? undefined : text;
}
