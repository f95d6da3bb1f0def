/** What the models of the fake say: chunks of the service, and the ways in which they come over the wire. */
import type { Answer, Fields } from "./types.ts";

/** One chunk without its envelope. */
export type Chunk = Fields;

export interface Reply {
  readonly chunks: readonly Chunk[];
  /** How the stream looks on the wire. */
  readonly wire?: "usual" | "crlf" | "bytes" | "lines" | "no-last-newline" | "cut";
}

const usage = { promptTokenCount: 8, candidatesTokenCount: 4, thoughtsTokenCount: 20, totalTokenCount: 32 };
const head = { modelVersion: "fake-model", responseId: "resp-1" };

export function chunk(parts: readonly Fields[], finishReason?: string, more: Fields = {}): Chunk {
  const candidate = {
    content: { role: "model", ...(parts.length > 0 && { parts }) },
    ...(finishReason && { finishReason }),
  };
  return { candidates: [candidate], ...head, ...more };
}

/** Thoughts, a text in two pieces, and the end with the counts. */
export function says(text: string, thought?: string): Reply {
  const half = Math.ceil(text.length / 2);
  return {
    chunks: [
      ...(thought === undefined ? [] : [chunk([{ text: thought, thought: true }])]),
      chunk([{ text: text.slice(0, half) }]),
      chunk([{ text: text.slice(half) }], "STOP", { usageMetadata: usage }),
    ],
  };
}

export interface Called {
  readonly name: string;
  readonly args?: Fields;
  readonly id?: string;
}

/** What is thought before tools are called. */
export const callingThought = "I should call a tool.";

/** Calls side by side, of which the first is signed; the end comes in a chunk of its own. */
export function callsTools(
  calls: readonly Called[],
  signature: string | undefined,
  more: { readonly text?: string } = {},
): Reply {
  const parts = calls.map((functionCall, at) => ({
    functionCall,
    ...(at === 0 && signature !== undefined && { thoughtSignature: signature }),
  }));
  return {
    chunks: [
      chunk([{ text: callingThought, thought: true }]),
      chunk([...(more.text === undefined ? [] : [{ text: more.text }]), ...parts]),
      chunk([{ text: "" }], "STOP", { usageMetadata: usage }),
    ],
  };
}

/** Calls of which nothing is signed: the signature comes behind them, alone. */
export function signedLate(calls: readonly Called[], signature: string): Reply {
  return {
    chunks: [
      ...calls.map((functionCall) => chunk([{ functionCall }], undefined, { usageMetadata: usage })),
      chunk([{ text: "", thoughtSignature: signature }], "STOP", { usageMetadata: usage }),
    ],
  };
}

/** As Claude's come: the thought is what is signed, ids are its own, each call has a chunk, and the end has another word. */
export function claudeCalls(calls: readonly Called[], signature: string): Reply {
  const mark = Buffer.from(signature).subarray(-8).toString("hex");
  const given = calls.map((call, at) => ({ id: `toolu_vrtx_${mark}${at}`, ...call }));
  return {
    chunks: [
      chunk([{ text: callingThought.slice(0, 9), thought: true }]),
      chunk([{ text: callingThought.slice(9), thought: true }]),
      chunk([{ text: "", thought: true, thoughtSignature: signature }]),
      ...given.map((functionCall) => chunk([{ functionCall }])),
      chunk([{ text: "" }], "OTHER", { usageMetadata: usage }),
    ],
  };
}

export const emptyReply: Reply = {
  chunks: [chunk([], "STOP", { usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 } })],
};
export const thoughtOnly: Reply = {
  chunks: [chunk([{ text: "Hm.", thought: true }]), chunk([], "STOP", { usageMetadata: usage })],
};
export const outOfTokens: Reply = {
  chunks: [chunk([{ text: "Hm.", thought: true }]), chunk([], "MAX_TOKENS", { usageMetadata: usage })],
};
export const unsafe: Reply = {
  chunks: [
    {
      candidates: [
        {
          finishReason: "SAFETY",
          safetyRatings: [{ category: "HARM_CATEGORY_HARASSMENT", probability: "HIGH", blocked: true }],
        },
      ],
      ...head,
    },
  ],
};
export const blockedPrompt: Reply = {
  chunks: [
    {
      promptFeedback: { blockReason: "PROHIBITED_CONTENT", safetyRatings: [] },
      usageMetadata: { promptTokenCount: 20, totalTokenCount: 20 },
      ...head,
    },
  ],
};
export const malformedCall: Reply = {
  chunks: [
    chunk([{ text: "", thoughtSignature: "RmFrZQ==" }]),
    chunk([], "MALFORMED_FUNCTION_CALL", { usageMetadata: usage }),
  ],
};
export const withoutEnd: Reply = { chunks: [chunk([{ text: "Half an ans" }])] };

/** The reply as the service streams it, each chunk in an envelope. */
export function streamed({ chunks, wire = "usual" }: Reply): Answer {
  const texts = chunks.map((each) =>
    JSON.stringify(each["error"] === undefined ? { response: each, traceId: "trace-1" } : each),
  );
  const line = wire === "crlf" ? "\r\n" : "\n";
  const frames = texts.map((text, at) => {
    const last = at === texts.length - 1 && wire === "no-last-newline";
    const lines = wire === "lines" ? JSON.stringify(JSON.parse(text), undefined, 1).split("\n") : [text];
    return lines.map((each) => `data: ${each}`).join(line) + (last ? "" : line + line);
  });
  const bytes = Buffer.from(frames.join(""));
  return {
    status: 200,
    headers: { "content-type": "text/event-stream" },
    body: wire === "bytes" ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : frames,
    ...(wire === "cut" && { cut: true }),
  };
}
