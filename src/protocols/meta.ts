/** The part of `meta` that belongs to one protocol: what the canonical form has no word for. */
import type { GenerateRequest, JsonObject, Meta } from "./canonical.ts";
import { isEmpty, isObject, without } from "./json.ts";
import type { Emit, Loss } from "./types.ts";
import { unsupported } from "./unsupported.ts";

/** Under this key: how the client wrote what the canonical form says in one way only. */
const formKey = "~form";
/** Under this key: fields that mean nothing elsewhere, so that leaving them out is no loss. */
const hintsKey = "~hints";
/** Under this key: fields that must not be left out, since the answer would be another than was asked for. */
const needsKey = "~needs";

export interface OwnMeta {
  /** Fields of the wire the canonical form does not know, verbatim; hints and needs among them. */
  readonly rest: JsonObject;
  readonly form: JsonObject;
}

export interface MetaAccess {
  /** `{ meta }` to be spread, or nothing when there is nothing to keep. `needs` are refused by other protocols. */
  own(rest: JsonObject, form?: JsonObject, hints?: JsonObject, needs?: JsonObject): { meta?: Meta };
  read(meta: Meta | undefined): OwnMeta;
}

/** Reads and writes the meta of one protocol. */
export function metaOf(protocolId: string): MetaAccess {
  return {
    own(rest, form = {}, hints = {}, needs = {}) {
      const all = {
        ...rest,
        ...(isEmpty(form) ? {} : { [formKey]: form }),
        ...(isEmpty(hints) ? {} : { [hintsKey]: hints }),
        ...(isEmpty(needs) ? {} : { [needsKey]: needs }),
      };
      return isEmpty(all) ? {} : { meta: { [protocolId]: all } };
    },
    read(meta) {
      const own = meta?.[protocolId];
      if (!own) return { rest: {}, form: {} };
      const { [formKey]: form, [hintsKey]: hints, [needsKey]: needs } = own;
      const rest = without(own, [formKey, hintsKey, needsKey]);
      return {
        rest: { ...rest, ...(isObject(hints) && hints), ...(isObject(needs) && needs) },
        form: isObject(form) ? form : {},
      };
    },
  };
}

/** What is left where it does not matter how the client wrote it; absent when that is nothing. */
export function withoutForm(meta: Meta | undefined): Meta | undefined {
  const kept = Object.entries(meta ?? {})
    .map(([protocol, fields]) => [protocol, without(fields, [formKey])] as const)
    .filter(([, fields]) => !isEmpty(fields));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** True when something is asked for that only the protocol that said it can be asked for. */
export function hasNeeds(meta: Meta | undefined): boolean {
  return Object.values(meta ?? {}).some((fields) => needsKey in fields);
}

/**
 * Reports what other protocols have said and `protocolId` has no field for. Throws a `ProxyError` with the code
 * `unsupported_feature` for what must not be left out.
 */
export function loseForeign(meta: Meta | undefined, protocolId: string, lose: Emit<Loss>): void {
  if (!meta) return;
  for (const [protocol, fields] of Object.entries(meta)) {
    if (protocol === protocolId) continue;
    for (const [field, value] of Object.entries(fields)) {
      if (field === needsKey && isObject(value)) {
        for (const need in value) throw unsupported(need, `${protocolId} has nothing like it.`);
      }
      if (field === formKey || field === hintsKey || value === null) continue;
      lose({ what: `${field} of ${protocol}`, where: field });
    }
  }
}

/** The same for the messages and tools of a request too. */
export function loseAllForeign(request: GenerateRequest, protocolId: string, lose: Emit<Loss>): void {
  loseForeign(request.meta, protocolId, lose);
  for (const tool of request.tools ?? []) if (tool.type === "function") loseForeign(tool.meta, protocolId, lose);
  for (const { parts, meta } of request.messages) {
    loseForeign(meta, protocolId, lose);
    for (const part of parts) {
      if (part.type === "opaque") continue;
      loseForeign(part.meta, protocolId, lose);
      if (part.type !== "tool-result") continue;
      for (const inner of part.content) if (inner.type !== "opaque") loseForeign(inner.meta, protocolId, lose);
    }
  }
}
