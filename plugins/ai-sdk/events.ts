/** Answers of a model as events of the canonical form: one reader for streams and for whole results. */
import type { Emit, Loss, StreamEvent } from "waygate";
import { sourceOf } from "./files.ts";
import { finishOf, usageOf } from "./finish.ts";
import { type Fields, isFields } from "./model.ts";
import { type SealContext, type Sealed, sealOf } from "./seals.ts";
import type { StreamPart } from "./spec.ts";

export interface EventReader {
  /** One part of a stream. Parts it does not know are left out; errors are the caller's. */
  part(part: StreamPart, emit: Emit<StreamEvent>): void;
  /** The same of a whole result: each of its contents, then what a stream ends with. */
  whole(result: Fields, emit: Emit<StreamEvent>): void;
}

interface Block {
  readonly index: number;
  /** Of every part of the block, the latest of each namespace. */
  metadata: Fields;
  readonly of: Sealed;
  filled: boolean;
  /** Its seal is out already. */
  sealed: boolean;
}

export function eventReader(seals: SealContext, lose: Emit<Loss>): EventReader {
  const open = new Map<string, Block>();
  let next = 0;

  const begin = (key: string, of: Sealed): Block => {
    const block: Block = { index: next++, metadata: {}, of, filled: false, sealed: false };
    open.set(key, block);
    return block;
  };
  const add = (
    block: Block,
    type: "text-delta" | "reasoning-delta" | "tool-delta",
    delta: string,
    emit: Emit<StreamEvent>,
  ): void => {
    if (delta === "") return;
    block.filled = true;
    emit({ type, index: block.index, delta });
  };
  const close = (key: string, emit: Emit<StreamEvent>): void => {
    const block = open.get(key);
    if (!block) return;
    open.delete(key);
    const seal = block.sealed ? undefined : sealOf(block.metadata, block.of, seals);
    if (seal) emit({ type: "seal", index: block.index, seal });
    emit({ type: "block-end", index: block.index });
  };
  const textual = (kind: "text" | "reasoning", part: TextualPart, emit: Emit<StreamEvent>): void => {
    const key = `${kind} ${part.id}`;
    const step = part.type.slice(kind.length + 1);
    if (step === "end" && !open.has(key)) return;
    let block = open.get(key);
    if (!block) {
      block = begin(key, kind);
      emit({ type: `${kind}-start`, index: block.index });
    }
    note(block, part.providerMetadata);
    if (step === "delta") add(block, `${kind}-delta`, part.delta ?? "", emit);
    else if (step === "end") close(key, emit);
  };
  const tool = (call: Call, emit: Emit<StreamEvent>): Block => {
    const { id, name, hosted, metadata } = call;
    const known = open.get(`tool ${id}`);
    if (known) return known;
    const block = begin(`tool ${id}`, "tool-call");
    // At its start, where it is known so early: not every protocol can add one afterwards.
    const seal = sealOf(metadata, "tool-call", seals);
    block.sealed = seal !== undefined;
    emit({ type: "tool-start", index: block.index, id, name, ...(hosted && { hosted }), ...(seal && { seal }) });
    return block;
  };

  const reader: EventReader = {
    part(part, emit) {
      switch (part.type) {
        case "stream-start":
          for (const warning of part.warnings) lose(lossOf(warning));
          break;
        case "response-metadata":
          emit({ type: "start", ...(part.id && { id: part.id }), ...(part.modelId && { model: part.modelId }) });
          break;
        case "text-start":
        case "text-delta":
        case "text-end":
          textual("text", part, emit);
          break;
        case "reasoning-start":
        case "reasoning-delta":
        case "reasoning-end":
          textual("reasoning", part, emit);
          break;
        case "tool-input-start":
          tool(
            { id: part.id, name: part.toolName, hosted: part.providerExecuted, metadata: part.providerMetadata },
            emit,
          );
          break;
        case "tool-input-delta": {
          const block = open.get(`tool ${part.id}`);
          if (block) add(block, "tool-delta", part.delta, emit);
          break;
        }
        case "tool-call": {
          const { toolCallId: id, toolName: name, providerExecuted: hosted, providerMetadata: metadata } = part;
          const block = tool({ id, name, hosted, metadata }, emit);
          note(block, metadata);
          if (!block.filled) add(block, "tool-delta", part.input, emit);
          close(`tool ${part.toolCallId}`, emit);
          break;
        }
        case "file": {
          const source = sourceOf(part.data);
          const seal = sealOf("providerMetadata" in part ? part.providerMetadata : undefined, "media", seals);
          if (source) emit({ type: "media", mediaType: part.mediaType, source, ...(seal && { seal }) });
          break;
        }
        case "source":
          emit({
            type: "source",
            ...(part.sourceType === "url" && { url: part.url }),
            ...(part.title !== undefined && { title: part.title }),
          });
          break;
        case "finish": {
          for (const key of [...open.keys()]) close(key, emit);
          const usage = usageOf(part.usage);
          if (usage) emit({ type: "usage", usage });
          emit({ type: "finish", ...finishOf(part.finishReason) });
          break;
        }
        case "tool-result":
        case "tool-approval-request":
        case "custom":
        case "reasoning-file":
          lose({ what: `a ${part.type} of the provider`, where: "answer" });
          break;
        default:
          // The end of a tool's input says nothing before the call itself; pings and raw parts say nothing at all.
          break;
      }
    },
    whole(result, emit) {
      const { response, content, warnings, usage, finishReason } = result;
      const part = (fields: Fields): void => reader.part(fields as unknown as StreamPart, emit);
      part({ type: "stream-start", warnings: Array.isArray(warnings) ? warnings : [] });
      if (isFields(response)) part({ type: "response-metadata", id: response["id"], modelId: response["modelId"] });
      const items: readonly unknown[] = Array.isArray(content) ? content : [];
      items.filter(isFields).forEach((item, at) => {
        const { type, text, providerMetadata } = item;
        if (type !== "text" && type !== "reasoning") return part(item);
        const id = String(at);
        part({ type: `${type}-start`, id, providerMetadata });
        part({ type: `${type}-delta`, id, delta: String(text ?? "") });
        part({ type: `${type}-end`, id });
      });
      part({ type: "finish", usage, finishReason });
    },
  };
  return reader;
}

interface Call {
  readonly id: string;
  readonly name: string;
  readonly hosted: boolean | undefined;
  readonly metadata: unknown;
}

interface TextualPart {
  readonly type: string;
  readonly id: string;
  readonly delta?: string;
  readonly providerMetadata?: unknown;
}

function note(block: Block, metadata: unknown): void {
  if (!isFields(metadata)) return;
  const namespaces = Object.entries(metadata).filter((entry): entry is [string, Fields] => isFields(entry[1]));
  for (const [name, fields] of namespaces) {
    const before = block.metadata[name];
    block.metadata = { ...block.metadata, [name]: { ...(isFields(before) ? before : {}), ...fields } };
  }
}

/** What the model's package could not pass on. */
function lossOf(warning: Fields): Loss {
  const where = [warning["setting"], warning["feature"], warning["tool"]].find((each) => typeof each === "string");
  const what = [warning["details"], warning["message"]].find((each) => typeof each === "string");
  return { what: String(what ?? where ?? warning["type"]), where: String(where ?? "request") };
}
