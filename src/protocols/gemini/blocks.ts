/** The blocks of one answer as they open and close. On the wire there are parts only; texts of a kind follow one another. */
import type { Json, JsonObject, Seal, StreamEvent } from "../canonical.ts";
import { readSeal } from "../seal.ts";
import type { Emit } from "../types.ts";
import { decodeMedia } from "./content-decode.ts";
import { createPartialArgs, type PartialArgs } from "./partial-args.ts";
import { isEmpty, isObject, isText, opaque, ownMeta, protocolId, without } from "./values.ts";

export interface Blocks {
  part(part: JsonObject, emit: Emit<StreamEvent>): void;
  close(emit: Emit<StreamEvent>): void;
  /** True once a function was called. */
  called(): boolean;
}

interface OpenCall {
  readonly index: number;
  readonly args: PartialArgs;
}

/** `answerId` makes ids of calls to which the upstream gave none unique over a conversation. */
export function createBlocks(answerId: () => string | undefined): Blocks {
  let open: { readonly kind: "text" | "reasoning"; readonly index: number } | undefined;
  /** A call whose arguments come in pieces. */
  let growing: OpenCall | undefined;
  let next = 0;
  let called = false;

  const closeText = (emit: Emit<StreamEvent>): void => {
    if (open) emit({ type: "block-end", index: open.index });
    open = undefined;
  };
  const closeCall = (emit: Emit<StreamEvent>): void => {
    if (!growing) return;
    emit({ type: "tool-delta", index: growing.index, delta: JSON.stringify(growing.args.value()) });
    emit({ type: "block-end", index: growing.index });
    growing = undefined;
  };
  const close = (emit: Emit<StreamEvent>): void => {
    closeText(emit);
    closeCall(emit);
  };
  const text = (part: JsonObject, delta: string, seal: Seal | undefined, emit: Emit<StreamEvent>): void => {
    // Some gateways write the flag as a text.
    const kind = part["thought"] === true || part["thought"] === "true" ? "reasoning" : "text";
    const rest = without(part, ["text", "thought", "thoughtSignature"]);
    // The last message of a stream often holds nothing but an empty text.
    if (delta === "" && !seal && isEmpty(rest)) return;
    const apart = !isEmpty(rest);
    if (apart || open?.kind !== kind) {
      closeText(emit);
      open = { kind, index: next++ };
      emit({ type: `${kind}-start`, index: open.index, ...ownMeta(rest) });
    }
    if (delta !== "") emit({ type: `${kind}-delta`, index: open.index, delta });
    if (seal) emit({ type: "seal", index: open.index, seal });
    if (seal || apart) closeText(emit);
  };
  const call = (part: JsonObject, given: JsonObject, seal: Seal | undefined, emit: Emit<StreamEvent>): void => {
    const { id, name, args, partialArgs, willContinue, ...more } = given;
    if (!isText(name)) {
      growing?.args.add(partialArgs);
      if (willContinue !== true) closeCall(emit);
      return;
    }
    close(emit);
    called = true;
    const index = next++;
    const known = isText(id) ? id : `call_${(answerId() ?? "").replaceAll(/\W/g, "").slice(-24)}${index}`;
    const outer = without(part, ["functionCall", "thoughtSignature"]);
    const rest = isEmpty(more) ? outer : { ...outer, functionCall: more };
    const partial = partialArgs !== undefined || willContinue === true;
    const form = {
      ...(!isText(id) && { id: "absent" }),
      ...(args === undefined && !partial && { args: "absent" }),
    };
    emit({ type: "tool-start", index, id: known, name, ...(seal && { seal }), ...ownMeta(rest, form) });
    growing = { index, args: createPartialArgs(isObject(args) ? args : {}) };
    growing.args.add(partialArgs);
    if (willContinue !== true) closeCall(emit);
  };

  return {
    part(part, emit) {
      const { text: delta, functionCall, thoughtSignature, inlineData, fileData } = part;
      const seal = isText(thoughtSignature) ? readSeal(thoughtSignature, protocolId) : undefined;
      if (typeof delta === "string") text(part, delta, seal, emit);
      else if (isObject(functionCall)) call(part, functionCall, seal, emit);
      else {
        // A draft picture of the model's thoughts is not the answer.
        const shown = part["thought"] ? undefined : media(inlineData, fileData, part);
        if (isEmpty(without(part, ["thoughtSignature", "thought"]))) {
          if (seal) text({ ...part, text: "" }, "", seal, emit);
          return;
        }
        // A call may still grow behind it.
        closeText(emit);
        emit(shown ? { ...shown, ...(seal && { seal }) } : opaque("part", part));
      }
    },
    close,
    called() {
      return called;
    },
  };
}

function media(
  inlineData: Json | undefined,
  fileData: Json | undefined,
  part: JsonObject,
): Extract<StreamEvent, { type: "media" }> | undefined {
  const found = decodeMedia(inlineData, fileData, without(part, ["thoughtSignature"]));
  if (!found || "fileId" in found.source) return undefined;
  const { mediaType, source, meta } = found;
  return { type: "media", mediaType, source, ...(meta && { meta }) };
}
