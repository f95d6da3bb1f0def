/**
 * Signatures and encrypted reasoning. The AI SDK hands them out as metadata of the provider and takes them back as its
 * options; between the two they travel as a seal whose value is that metadata.
 */
import type { Seal } from "waygate";
import { type Fields, isFields, type ProviderOptions } from "./model.ts";

export interface SealContext {
  /** The client's protocol, in whose slots the seal travels. */
  readonly protocol: string;
  readonly provider: string;
}

/** Fields that a provider has to see again: `signature`, `redactedData`, `thoughtSignature`, `reasoningEncryptedContent`. */
const sealed = /signature$|^redacted|encrypted/i;

/** What a seal belongs to. A protocol without a place on calls keeps theirs on reasoning. */
export type Sealed = "text" | "reasoning" | "tool-call" | "media";

/** What comes back of one. */
export interface Opened {
  readonly of: Sealed;
  readonly providerOptions: ProviderOptions;
}

/** Metadata as far as it has to come back; `undefined` when nothing has. */
export function sealOf(metadata: unknown, of: Sealed, context: SealContext): Seal | undefined {
  if (!isFields(metadata)) return undefined;
  const kept = Object.entries(metadata).flatMap(([namespace, fields]) => {
    const found = isFields(fields) ? sealedFields(fields) : undefined;
    return found ? [[namespace, found] as const] : [];
  });
  if (kept.length === 0) return undefined;
  const redacted = kept.every(([, fields]) => Object.keys(fields).some((name) => /^redacted/i.test(name)));
  const text = JSON.stringify({ of, providerOptions: Object.fromEntries(kept) });
  return { ...context, value: Buffer.from(text).toString("base64"), ...(redacted && { redacted }) };
}

/** `undefined` for a seal that is none of ours. */
export function opened(seal: Seal | undefined): Opened | undefined {
  if (!seal) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(seal.value, "base64").toString("utf8"));
    const options = isFields(value) ? value["providerOptions"] : undefined;
    return isFields(options) && Object.values(options).every(isFields) ? (value as unknown as Opened) : undefined;
  } catch {
    // The signature of whoever answered before, which this provider could not read either.
    return undefined;
  }
}

function sealedFields(fields: Fields): Fields | undefined {
  const names = Object.keys(fields).filter((name) => sealed.test(name) && typeof fields[name] === "string");
  if (names.length === 0) return undefined;
  // OpenAI takes encrypted reasoning back under the id it had.
  const all = typeof fields["itemId"] === "string" ? [...names, "itemId"] : names;
  return Object.fromEntries(all.map((name) => [name, fields[name]]));
}
