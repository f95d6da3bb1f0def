/** What the four scripts have in common. */
import type { Step } from "waygate/testing";

export type ProtocolId = "openai-chat" | "openai-responses" | "anthropic" | "gemini";

/** What an upstream says in one answer, in this order. */
export interface Turn {
  readonly reasoning?: string;
  readonly text?: string;
  readonly calls?: readonly ToolCall[];
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** A text for a tool that takes free text instead of arguments. */
  readonly args: { readonly [name: string]: unknown } | string;
}

/** A tool as a request declared it. */
export interface DeclaredTool {
  readonly name: string;
  /** It takes free text. */
  readonly free: boolean;
  /** The JSON schema of its arguments; empty for free text. */
  readonly parameters: { readonly properties?: { readonly [name: string]: unknown }; readonly [name: string]: unknown };
}

/** What a tool gave back, as a request told it. */
export interface ToolResult {
  readonly id: string | undefined;
  readonly name?: string;
  readonly text: string;
}

/** One protocol, from the upstream's side. */
export interface WireScript {
  /** The version segment of its addresses. */
  readonly base: "/v1" | "/v1beta";
  /** What it signs its reasoning or its tool calls with; it wants that back byte for byte. */
  readonly seal?: string;
  /** Streamed or whole, as the request asks. */
  says(turn: Turn): Step;
  /** A refusal in the protocol's words. */
  refuses(status: number, message: string, headers?: { readonly [name: string]: string }): Step;
  toolsOf(body: JsonBody): readonly DeclaredTool[];
  resultsOf(body: JsonBody): readonly ToolResult[];
}

export interface JsonBody {
  readonly [name: string]: unknown;
}

/** What every answer is counted as: input with 5 of it from a cache, output with 4 of it for reasoning. */
export const counted = { input: 31, cached: 5, output: 17, reasoning: 4 } as const;
