/** This protocol's part of `meta`, and the readers of JSON it shares with the others. */
import type { JsonObject, Meta } from "../canonical.ts";
import { metaOf, type OwnMeta } from "../meta.ts";

export { defined, isArray, isBlank, isEmpty, isNumber, isObject, isText, parseObject, without } from "../json.ts";

export const protocolId = "openai-chat";

const access = metaOf(protocolId);

export const ownMeta: (rest: JsonObject, form?: JsonObject, hints?: JsonObject) => { meta?: Meta } = access.own;
export const readMeta: (meta: Meta | undefined) => OwnMeta = access.read;
