/** Requests that go on as they came: only those the API would refuse are written anew. */
import type { Body } from "../../wire/body.ts";
import { withModel } from "../retarget-model.ts";
import { isRefused } from "./refused.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

/** The same body under another model's name; never re-serialised when it is one the API accepts. */
export function retarget(body: Body, model: string): Body {
  return isRefused(body.json) ? encodeRequest({ ...decodeRequest(body), model }, () => {}) : withModel(body, model);
}
