/**
 * A seal in a slot that belongs to another protocol: `px1.<protocol>.<provider>.<value>`. Its minter's name stands in
 * front, so that it finds the way back and to nobody else.
 */
import type { Json, Seal } from "./canonical.ts";

const mark = "px1.";
const redactedMark = "~redacted";

/** The seal as one text, for a slot of another protocol. */
export function wrapSeal({ protocol, provider = "", value, redacted }: Seal): string {
  return `${mark}${protocol}${redacted ? redactedMark : ""}.${encodeURIComponent(provider).replaceAll(".", "%2E")}.${value}`;
}

/** `undefined` for what is no wrapped seal: then it is the native one of whoever's slot it stands in. */
export function unwrapSeal(text: Json | undefined): Seal | undefined {
  if (typeof text !== "string" || !text.startsWith(mark)) return undefined;
  const [, minter = "", provider, ...rest] = text.split(".");
  if (provider === undefined || rest.length === 0) return undefined;
  const redacted = minter.endsWith(redactedMark);
  const protocol = redacted ? minter.slice(0, -redactedMark.length) : minter;
  if (protocol === "") return undefined;
  return {
    protocol,
    ...(provider && { provider: decoded(provider) }),
    value: rest.join("."),
    ...(redacted && { redacted }),
  };
}

/** The text for a slot of `protocol`: the value itself when it is that protocol's own, wrapped otherwise. */
export function sealText(seal: Seal, protocol: string): string {
  return seal.protocol === protocol ? seal.value : wrapSeal(seal);
}

/** The seal that stands in a slot of `protocol`. */
export function readSeal(text: string, protocol: string): Seal {
  return unwrapSeal(text) ?? { protocol, value: text };
}

/** True when a text may hold a wrapped seal: a native search, for requests that pass as they are. */
export function mayHoldSeal(text: string): boolean {
  return text.includes(`"${mark}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A client has changed it; then it is nobody's.
    return text;
  }
}
