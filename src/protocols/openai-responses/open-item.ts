/** One item of an answer while it grows: which of its parts is which block, and what of them has been given already. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Emit } from "../types.ts";
import { isArray, isEmpty, isObject, isText, ownMeta, without } from "./values.ts";

export type PartKind = "text" | "refusal" | "summary" | "thought";

interface OpenPart {
  readonly key: string;
  readonly index: number;
  readonly form: JsonObject;
  rest: JsonObject;
}

export interface OpenItem {
  /** More of a part; the first piece, an empty one too, begins it. */
  grow(kind: PartKind, at: number, delta: string, emit: Emit<StreamEvent>): void;
  /** The part as a whole: what of its text did not come in pieces, and what stands beside the text. */
  whole(kind: PartKind, at: number, text: string, rest: JsonObject, emit: Emit<StreamEvent>): void;
  annotate(at: number, annotation: Json, emit: Emit<StreamEvent>): void;
  /** All annotations of a part; those that came one by one are not given again. */
  annotations(at: number, all: Json | undefined, emit: Emit<StreamEvent>): void;
  /** Ends the last part with what is finally known about the item. */
  close(item: JsonObject | undefined, emit: Emit<StreamEvent>): void;
  /** The block of the part that is open. */
  index(): number | undefined;
  /** Whether a part of that kind has begun. */
  has(kind: PartKind): boolean;
}

/** `added` are the fields of the item itself; `before` are items that only this protocol can say, noted beside it. */
export function openItem(added: JsonObject, before: readonly Json[], nextIndex: () => number): OpenItem {
  const given = new Map<string, string>();
  const cited = new Map<number, number>();
  let open: OpenPart | undefined;

  const end = (final: JsonObject | undefined, emit: Emit<StreamEvent>): void => {
    if (!open) return;
    const form = final ? { ...open.form, item: final } : open.form;
    const told = final !== undefined || !isEmpty(open.rest);
    emit({ type: "block-end", index: open.index, ...(told && ownMeta(open.rest, form)) });
    open = undefined;
  };
  const begin = (kind: PartKind, key: string, emit: Emit<StreamEvent>): OpenPart => {
    end(undefined, emit);
    const noted: JsonObject = before.length > 0 ? { before } : {};
    const form: JsonObject = {
      ...(given.size === 0 ? { item: added, ...noted } : { joined: true }),
      ...(kind === "thought" && { in: "content" }),
    };
    const index = nextIndex();
    given.set(key, "");
    const reasoning = kind === "summary" || kind === "thought";
    if (reasoning) emit({ type: "reasoning-start", index, ...ownMeta({}, form) });
    else emit({ type: "text-start", index, ...(kind === "refusal" && { refusal: true }), ...ownMeta({}, form) });
    return { key, index, form, rest: {} };
  };
  const grow: OpenItem["grow"] = (kind, at, delta, emit) => {
    const key = `${kind} ${at}`;
    if (open?.key !== key) {
      // What comes late for a part that has ended would tear the one that is open.
      if (given.has(key)) return;
      open = begin(kind, key, emit);
    }
    if (delta === "") return;
    given.set(key, given.get(key) + delta);
    const reasoning = kind === "summary" || kind === "thought";
    emit({ type: reasoning ? "reasoning-delta" : "text-delta", index: open.index, delta });
  };
  const annotate: OpenItem["annotate"] = (at, annotation, emit) => {
    if (!isObject(annotation)) return;
    grow("text", at, "", emit);
    cited.set(at, (cited.get(at) ?? 0) + 1);
    const { url, title } = annotation;
    const rest = without(annotation, [...(isText(url) ? ["url"] : []), ...(isText(title) ? ["title"] : [])]);
    const named = { ...(isText(url) && { url }), ...(isText(title) && { title }) };
    emit({ type: "source", ...(open && { index: open.index }), ...named, ...ownMeta(rest) });
  };

  return {
    grow,
    annotate,
    whole(kind, at, text, rest, emit) {
      const key = `${kind} ${at}`;
      const had = given.get(key) ?? "";
      grow(kind, at, text.startsWith(had) ? text.slice(had.length) : "", emit);
      if (open?.key === key) open.rest = rest;
    },
    annotations(at, all, emit) {
      for (const annotation of (isArray(all) ? all : []).slice(cited.get(at) ?? 0)) annotate(at, annotation, emit);
    },
    close: end,
    index() {
      return open?.index;
    },
    has: (kind) => [...given.keys()].some((key) => key.startsWith(kind)),
  };
}
