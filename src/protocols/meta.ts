/** The part of `meta` that belongs to one protocol: what the canonical form has no word for. */
import type { JsonObject, Meta } from "./canonical.ts";
import { isEmpty, isObject, without } from "./json.ts";
import type { Emit, Loss } from "./types.ts";

/** Under this key: how the client wrote what the canonical form says in one way only. */
const formKey = "~form";
/** Under this key: fields that mean nothing elsewhere, so that leaving them out is no loss. */
const hintsKey = "~hints";

export interface OwnMeta {
  /** Fields of the wire the canonical form does not know, verbatim; hints among them. */
  readonly rest: JsonObject;
  readonly form: JsonObject;
}

export interface MetaAccess {
  /** `{ meta }` to be spread, or nothing when there is nothing to keep. */
  own(rest: JsonObject, form?: JsonObject, hints?: JsonObject): { meta?: Meta };
  read(meta: Meta | undefined): OwnMeta;
}

/** Reads and writes the meta of one protocol. */
export function metaOf(protocolId: string): MetaAccess {
  return {
    own(rest, form = {}, hints = {}) {
      if (isEmpty(form) && isEmpty(hints)) return isEmpty(rest) ? {} : { meta: { [protocolId]: rest } };
      const all = {
        ...rest,
        ...(isEmpty(form) ? {} : { [formKey]: form }),
        ...(isEmpty(hints) ? {} : { [hintsKey]: hints }),
      };
      return { meta: { [protocolId]: all } };
    },
    read(meta) {
      const own = meta?.[protocolId];
      if (!own) return { rest: {}, form: {} };
      const { [formKey]: form, [hintsKey]: hints } = own;
      const rest = without(own, [formKey, hintsKey]);
      return { rest: isObject(hints) ? { ...rest, ...hints } : rest, form: isObject(form) ? form : {} };
    },
  };
}

/** Reports what other protocols have said about a request and `protocolId` has no field for. */
export function loseForeign(meta: Meta | undefined, protocolId: string, lose: Emit<Loss>): void {
  for (const [protocol, fields] of Object.entries(meta ?? {})) {
    if (protocol === protocolId) continue;
    for (const [field, value] of Object.entries(fields)) {
      if (field === formKey || field === hintsKey || value === null) continue;
      lose({ what: `${field} of ${protocol}`, where: field });
    }
  }
}
