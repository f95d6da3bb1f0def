/** This protocol's part of `meta`, and the readers of JSON it shares with the others. */
import { metaOf, type MetaAccess } from "../meta.ts";

export { defined, isArray, isEmpty, isNumber, isObject, isText, parseObject, without } from "../json.ts";

export const protocolId = "openai-responses";

const access = metaOf(protocolId);

export const ownMeta: MetaAccess["own"] = access.own;
export const readMeta: MetaAccess["read"] = access.read;
