/** Counting tokens. Source: Anthropic API reference, "Count tokens in a Message". */
import { jsonBody } from "../../wire/body.ts";
import { withModel } from "../retarget-model.ts";
import type { CountCodec } from "../types.ts";
import { isRefused } from "./refused.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { isNumber, without } from "./values.ts";

/** What steers the generation and is refused where nothing is generated. */
const generating = [
  ...["max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"],
  ...["metadata", "service_tier", "container", "inference_geo", "diagnostics"],
];

const encodeCount: CountCodec["encodeRequest"] = (request, lose) =>
  jsonBody(without(encodeRequest(request, lose).json, generating));

export const counting: CountCodec = {
  retarget: (body, model) =>
    isRefused(body.json) ? encodeCount({ ...decodeRequest(body), model }, () => {}) : withModel(body, model),
  decodeRequest,
  encodeRequest: encodeCount,
  decodeAnswer: ({ input_tokens: tokens }) => (isNumber(tokens) && tokens >= 0 ? tokens : undefined),
  encodeAnswer: (tokens) => ({ input_tokens: tokens }),
};
