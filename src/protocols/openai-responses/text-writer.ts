/** Items made of parts of text: messages of the model, and its reasoning. */
import type { Json, JsonObject } from "../canonical.ts";
import { endItem, type Output } from "./item-writer.ts";
import { isText } from "./values.ts";

type PartKind = "text" | "refusal" | "summary" | "thought";

export interface TextItem {
  readonly kind: "message" | "reasoning";
  /** Begins a part; the one before it is ended. */
  part(kind: PartKind): void;
  grow(delta: string): void;
  /** Adds to the citations of the part; false when there is no part that could have them. */
  cite(annotation: (length: number) => JsonObject): boolean;
  /** What else is known of the part that is open. */
  note(rest: JsonObject): void;
  /** What else is known of the item. */
  set(fields: JsonObject): void;
  end(status: "completed" | "incomplete"): void;
}

interface OpenPart {
  readonly kind: PartKind;
  readonly place: JsonObject;
  readonly head: string;
  text: string;
  readonly annotations: JsonObject[];
  rest: JsonObject;
  begun: boolean;
}

const tail = `,"logprobs":[]`;
const names = {
  text: "response.output_text",
  refusal: "response.refusal",
  summary: "response.reasoning_summary_text",
  thought: "response.reasoning_text",
} as const;

/** `own`: the item of an upstream of this protocol, whose status is its own affair. */
export function writeTextItem(
  out: Output,
  kind: TextItem["kind"],
  { fields, own }: { readonly fields: JsonObject; readonly own: boolean },
): TextItem {
  const at = out.place();
  const { id: known, ...added } = fields;
  const id = isText(known) ? known : out.id(kind === "message" ? "msg" : "rs", at);
  const content: Json[] = [];
  const summary: Json[] = [];
  let last: JsonObject = added;
  let open: OpenPart | undefined;

  const item = (more: JsonObject): JsonObject =>
    kind === "message"
      ? { id, type: kind, status: "completed", ...more, content: [...content], role: "assistant" }
      : { id, type: kind, ...more, summary: [...summary], ...(content.length > 0 && { content: [...content] }) };
  out.send("response.output_item.added", {
    output_index: at,
    item: item(kind === "message" ? { ...added, status: "in_progress" } : added),
  });

  const begin = (part: OpenPart): void => {
    part.begun = true;
    const event = part.kind === "summary" ? "response.reasoning_summary_part.added" : "response.content_part.added";
    out.send(event, { ...part.place, part: partOf(part, "") });
  };
  const endPart = (): void => {
    if (!open) return;
    const part = open;
    open = undefined;
    // Reasoning nobody may read has no part.
    if (!part.begun && kind === "reasoning") return;
    if (!part.begun) begin(part);
    const logprobs = part.rest["logprobs"] ?? [];
    const whole: JsonObject = part.kind === "refusal" ? { refusal: part.text } : { text: part.text };
    out.send(`${names[part.kind]}.done`, { ...part.place, ...whole, ...(part.kind === "text" && { logprobs }) });
    const done = partOf(part, part.text);
    const event = part.kind === "summary" ? "response.reasoning_summary_part.done" : "response.content_part.done";
    out.send(event, { ...part.place, part: done });
    (part.kind === "summary" ? summary : content).push(done);
  };

  return {
    kind,
    part(partKind) {
      endPart();
      const list = partKind === "summary" ? summary : content;
      const index: JsonObject =
        partKind === "summary" ? { summary_index: list.length } : { content_index: list.length };
      const place: JsonObject = { item_id: id, output_index: at, ...index };
      const head = `${JSON.stringify(place).slice(1, -1)},"delta":`;
      const next: OpenPart = { kind: partKind, place, head, text: "", annotations: [], rest: {}, begun: false };
      if (kind === "message") begin(next);
      open = next;
    },
    grow(delta) {
      if (!open) return;
      if (!open.begun) begin(open);
      open.text += delta;
      out.sendRaw(
        `${names[open.kind]}.delta`,
        `${open.head}${JSON.stringify(delta)}${open.kind === "text" ? tail : ""}`,
      );
    },
    cite(make) {
      if (open?.kind !== "text") return false;
      const annotation = make(open.text.length);
      const place = { ...open.place, annotation_index: open.annotations.length };
      out.send("response.output_text.annotation.added", { ...place, annotation });
      open.annotations.push(annotation);
      return true;
    },
    note(rest) {
      if (open) open.rest = { ...open.rest, ...rest };
    },
    set(more) {
      last = { ...last, ...more };
    },
    end(status) {
      endPart();
      const ended = kind === "message" && !own ? { ...last, status } : last;
      const { id: _, ...others } = ended;
      endItem(out, at, item(others));
    },
  };
}

function partOf({ kind, annotations, rest }: OpenPart, text: string): JsonObject {
  if (kind === "refusal") return { ...rest, type: "refusal", refusal: text };
  if (kind === "summary") return { type: "summary_text", text };
  if (kind === "thought") return { type: "reasoning_text", text };
  return { type: "output_text", annotations: [...annotations], logprobs: [], ...rest, text };
}
