/** This protocol's part of `meta`. */
import { metaOf, type MetaAccess } from "../meta.ts";

export const protocolId = "openai-completions";

const access = metaOf(protocolId);

export const ownMeta: MetaAccess["own"] = access.own;
export const readMeta: MetaAccess["read"] = access.read;
