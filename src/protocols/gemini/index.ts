/** Google's Gemini API: `generateContent` and what stands beside it. */
import type { Protocol } from "../types.ts";
import { counting } from "./counting.ts";
import { decoder } from "./decoder.ts";
import { embedding } from "./embedding.ts";
import { encoder } from "./encoder.ts";
import { encodeError, encodeStreamError } from "./errors.ts";
import { inspect, retarget } from "./inspect.ts";
import { probe } from "./probe.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { operationOf, path } from "./target.ts";

export { type Thinking, thinkingOf } from "./model.ts";

export const gemini: Protocol<"gemini"> = {
  id: "gemini",
  // The second is what @google/genai 3 and later say unless told otherwise; the third, @ai-sdk/google for names of
  // models with a slash in them, before which it puts nothing.
  routes: { "POST /v1beta/models/**": operationOf, "POST /v1/models/**": operationOf, "POST /v1beta/**": operationOf },
  sealMarks: ['"thoughtSignature"', '"thought_signature"'],
  // Google's reference, `FunctionDeclaration.name`. Ids are free.
  tools: { name: { forbidden: /^[^a-zA-Z_]|[^\w.:-]/g, max: 64 }, id: { forbidden: /[^\x20-\x7e]/g, max: 256 } },
  inspect,
  path,
  retarget,
  decodeRequest,
  encodeRequest,
  counting,
  embedding,
  // The service sends no comments, and some of its clients read every line that is not blank as JSON.
  keepAlive: "\n\n",
  decoder,
  encoder,
  probe,
  encodeError,
  encodeStreamError,
};

/** For providers that speak this protocol with deviations of their own. */
export { jsonSchemaOf } from "./json-schema.ts";
export { openApiSchema } from "./schema.ts";
export { plainSchema } from "./schema-plain.ts";
export { withStandIns } from "./sentinel.ts";
export { camelCasedObject } from "./spelling.ts";
