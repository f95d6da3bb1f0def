/** Events to one answer. A whole answer is never anything else than the fold over its stream. */
import type { ProxyError } from "../failure/error.ts";
import type { Finish, Meta, Part, Seal, StreamEvent, Usage } from "./canonical.ts";

export type Source = Omit<Extract<StreamEvent, { type: "source" }>, "type">;

/** What a stream of events amounts to. */
export interface Answer {
  readonly id: string | undefined;
  readonly model: string | undefined;
  readonly meta: Meta | undefined;
  /** Blocks and opaque values in the order in which they began. */
  readonly parts: readonly Part[];
  readonly sources: readonly Source[];
  readonly usage: Usage | undefined;
  readonly finish: { readonly reason: Finish; readonly raw: string | undefined; readonly meta?: Meta } | undefined;
  readonly error: ProxyError | undefined;
}

export interface Folder {
  event(event: StreamEvent): void;
  answer(): Answer;
}

type Block = Extract<StreamEvent, { type: "text-start" | "reasoning-start" | "tool-start" }>;

interface OpenBlock {
  readonly start: Block;
  text: string;
  meta: Meta | undefined;
  seal: Seal | undefined;
}

/** Takes events as they come; `answer` may be read at any time. */
export function folder(): Folder {
  const entries: (OpenBlock | Part)[] = [];
  const blocks = new Map<number, OpenBlock>();
  const sources: Source[] = [];
  let start: Extract<StreamEvent, { type: "start" }> | undefined;
  let usage: Usage | undefined;
  let finish: Answer["finish"];
  let error: ProxyError | undefined;

  return {
    event(event) {
      switch (event.type) {
        case "start":
          start = { ...start, ...event };
          break;
        case "text-start":
        case "reasoning-start":
        case "tool-start": {
          const seal = event.type === "tool-start" ? event.seal : undefined;
          const block: OpenBlock = { start: event, text: "", meta: event.meta, seal };
          blocks.set(event.index, block);
          entries.push(block);
          break;
        }
        case "text-delta":
        case "reasoning-delta":
        case "tool-delta": {
          const block = blocks.get(event.index);
          if (block) block.text += event.delta;
          break;
        }
        case "seal": {
          const block = blocks.get(event.index);
          if (block) block.seal = event.seal;
          break;
        }
        case "block-end": {
          const block = blocks.get(event.index);
          if (block && event.meta) block.meta = { ...block.meta, ...event.meta };
          break;
        }
        case "opaque":
        case "media":
          entries.push(event);
          break;
        case "source": {
          const { type: _, ...source } = event;
          sources.push(source);
          break;
        }
        case "usage":
          usage = event.usage;
          break;
        case "finish":
          finish = { reason: event.reason, raw: event.raw, ...(event.meta && { meta: event.meta }) };
          break;
        case "error":
          error = event.error;
          break;
      }
    },
    answer() {
      const parts = entries.map((entry) => ("start" in entry ? partOf(entry) : entry));
      return { id: start?.id, model: start?.model, meta: start?.meta, parts, sources, usage, finish, error };
    },
  };
}

function partOf({ start, text, meta, seal }: OpenBlock): Part {
  const more = { ...(seal && { seal }), ...(meta && { meta }) };
  if (start.type === "tool-start") return { type: "tool-call", id: start.id, name: start.name, input: text, ...more };
  if (start.type === "reasoning-start") return { type: "reasoning", text, ...more };
  const refusal = start.type === "text-start" && start.refusal ? { refusal: start.refusal } : {};
  return { type: "text", text, ...refusal, ...more };
}
