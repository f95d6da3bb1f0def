/** One function call of an answer while its arguments come. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Emit } from "../types.ts";
import { readCallName } from "./tool-names.ts";
import { isText, ownMeta, without } from "./values.ts";

export interface OpenCall {
  begin(emit: Emit<StreamEvent>): void;
  grow(delta: string, emit: Emit<StreamEvent>): void;
  /** The arguments as a whole, of which pieces may have come before. */
  whole(text: Json | undefined, name: Json | undefined, emit: Emit<StreamEvent>): void;
  /** Ends the call with what is finally known about it. */
  close(item: JsonObject | undefined, emit: Emit<StreamEvent>): void;
}

const fields = ["type", "call_id", "name", "arguments"];

export function openCall(added: JsonObject, before: readonly Json[], nextIndex: () => number): OpenCall {
  let known = added;
  let index: number | undefined;
  let given = "";
  let held = "";

  const begin = (emit: Emit<StreamEvent>): void => {
    const { call_id: callId, id, name } = known;
    // A block cannot begin without the name of the tool.
    if (index !== undefined || !isText(name)) return;
    index = nextIndex();
    const call = isText(callId) ? callId : isText(id) ? id : `call_${index}`;
    emit({ type: "tool-start", index, id: call, name: readCallName(name, known).name, ...ownMeta({}, form()) });
    flush(emit);
  };
  const form = (): JsonObject => ({
    item: without(known, fields),
    ...(isText(known["name"]) && readCallName(known["name"], known).form),
    ...(before.length > 0 && { before }),
  });
  const flush = (emit: Emit<StreamEvent>): void => {
    if (index === undefined || held === "") return;
    emit({ type: "tool-delta", index, delta: held });
    given += held;
    held = "";
  };
  const grow: OpenCall["grow"] = (delta, emit) => {
    held += delta;
    flush(emit);
  };
  const whole: OpenCall["whole"] = (text, name, emit) => {
    if (isText(name) && !isText(known["name"])) known = { ...known, name };
    begin(emit);
    const had = given + held;
    if (typeof text === "string" && text.startsWith(had)) grow(text.slice(had.length), emit);
  };

  return {
    begin,
    grow,
    whole,
    close(item, emit) {
      if (item) known = { ...known, ...item };
      whole(item?.["arguments"], undefined, emit);
      if (index === undefined) return;
      emit({ type: "block-end", index, ...(item && ownMeta({}, form())) });
    },
  };
}
