/** A conversation in the words of the AI SDK. */
import { type Emit, type Loss, type Message, type Part, withPairedCalls } from "waygate";
import { filePart, resultFile, type SupportedUrls } from "./files.ts";
import { opened } from "./seals.ts";
import type { Model } from "./spec.ts";

type ToolResult = Extract<Part, { type: "tool-result" }>;

export interface PromptInit {
  readonly model: Model;
  readonly urls: SupportedUrls;
  readonly lose: Emit<Loss>;
}

/** `LanguageModelPrompt` of the model's version. Throws a `ProxyError` for a file the model cannot be shown. */
export function promptOf(messages: readonly Message[], init: PromptInit): readonly object[] {
  const paired = withPairedCalls(messages);
  const names = toolNames(paired);
  return paired.flatMap((message): object[] => {
    if (message.role === "system") return [{ role: "system", content: systemText(message, init) }];
    if (message.role === "assistant") {
      const content = lent(message.parts).flatMap((part) => assistantPart(part, init));
      return content.length === 0 ? [] : [{ role: "assistant", content }];
    }
    const results = message.parts.filter((part) => part.type === "tool-result");
    const content = message.parts.flatMap((part) => userPart(part, init));
    return [
      ...(results.length > 0 ? [{ role: "tool", content: results.map((part) => resultPart(part, names, init)) }] : []),
      ...(content.length > 0 ? [{ role: "user", content }] : []),
    ];
  });
}

function toolNames(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { parts } of messages)
    for (const part of parts) if (part.type === "tool-call") names.set(part.id, part.name);
  return names;
}

function systemText({ parts }: Message, { lose }: PromptInit): string {
  return parts
    .flatMap((part) => {
      if (part.type === "text") return [part.text];
      lose({ what: describe(part), where: "system" });
      return [];
    })
    .join("\n\n");
}

function userPart(part: Part, { model, urls, lose }: PromptInit): object[] {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text }];
    case "media":
      return [filePart(part, model, urls)];
    case "tool-result":
      return [];
    default:
      lose({ what: describe(part), where: "messages" });
      return [];
  }
}

function assistantPart(part: Part, { model, urls, lose }: PromptInit): object[] {
  const providerOptions = "seal" in part ? opened(part.seal)?.providerOptions : undefined;
  const sealed = providerOptions && { providerOptions };
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text, ...sealed }];
    case "reasoning":
      return [{ type: "reasoning", text: part.text, ...sealed }];
    case "media":
      return [{ ...filePart(part, model, urls), ...sealed }];
    case "tool-call":
      return [{ type: "tool-call", toolCallId: part.id, toolName: part.name, input: inputOf(part.input), ...sealed }];
    default:
      lose({ what: describe(part), where: "messages" });
      return [];
  }
}

/** Seals of calls that were kept on the reasoning before them, given back to the calls. */
function lent(parts: readonly Part[]): readonly Part[] {
  return parts.flatMap((part, at): Part[] => {
    const before = parts[at - 1];
    if (part.type === "reasoning" && opened(part.seal)?.of === "tool-call") {
      const { seal: _lent, ...rest } = part;
      return part.text === "" ? [] : [rest];
    }
    if (part.type !== "tool-call" || part.seal || before?.type !== "reasoning") return [part];
    return opened(before.seal)?.of === "tool-call" ? [{ ...part, seal: before.seal }] : [part];
  });
}

function resultPart(result: ToolResult, names: ReadonlyMap<string, string>, init: PromptInit): object {
  const toolName = names.get(result.id) ?? "unknown";
  return { type: "tool-result", toolCallId: result.id, toolName, output: outputOf(result, init) };
}

function outputOf({ content, isError }: ToolResult, { model, lose }: PromptInit): object {
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const others = content.filter((part) => part.type !== "text");
  if (others.length === 0 || isError) {
    for (const part of others) lose({ what: `${describe(part)} in a failed tool's result`, where: "messages" });
    return { type: isError ? "error-text" : "text", value: texts.join("\n") };
  }
  const value = content.flatMap((part): object[] => {
    if (part.type === "text") return [{ type: "text", text: part.text }];
    const file = part.type === "media" ? resultFile(part, model, lose) : undefined;
    if (part.type !== "media") lose({ what: describe(part), where: "messages" });
    return file ? [file] : [];
  });
  return { type: "content", value };
}

/** Arguments that are no JSON went wrong at the model; the next one sees them as they are. */
function inputOf(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { input: text };
  }
}

function describe(part: Part): string {
  return part.type === "opaque"
    ? `a block of ${part.protocol}`
    : `${part.type === "media" ? part.mediaType : part.type}`;
}
