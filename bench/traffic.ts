/** What goes over the wire in the benchmark: the requests, and one answer in two protocols, whole and as a stream. */

/** Milliseconds between two events of a paced stream. */
export const eventInterval = 2;
/** Events in a stream, the terminator included. */
export const eventsPerStream = 130;
export const proxyKey = "bench-key";

const id = "chatcmpl-bench-0123456789abcdef";
const usage = {
  prompt_tokens: 21,
  completion_tokens: 64,
  total_tokens: 85,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
};
const content =
  "A proxy reads a request, finds a place that can answer it, sends it on and hands back what comes, byte for byte, " +
  "while it keeps an eye on failures that somebody else could make good.";

/** One answer as an upstream writes it. */
export interface Answer {
  readonly json: string;
  readonly events: readonly string[];
}

const chatJson: string = JSON.stringify({
  id,
  object: "chat.completion",
  created: 1_700_000_000,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content }, logprobs: null, finish_reason: "stop" }],
  usage,
});

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id,
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "m",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })}\n\n`;

/** As `openai-chat`: what the client speaks. */
export const chatAnswer: Answer = {
  json: chatJson,
  events: [
    chunk({ role: "assistant", content: "" }),
    ...Array.from({ length: eventsPerStream - 3 }, (_, index) => chunk({ content: ` word${index}` })),
    chunk({}, "stop"),
    "data: [DONE]\n\n",
  ],
};

const message = { id: "msg_bench0123456789", type: "message", role: "assistant", model: "m", stop_sequence: null };
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

/** The same as `anthropic`, in as many events, for what translating costs. */
export const anthropicAnswer: Answer = {
  json: JSON.stringify({
    ...message,
    content: [{ type: "text", text: content }],
    stop_reason: "end_turn",
    usage: { input_tokens: 21, output_tokens: 64 },
  }),
  events: [
    event("message_start", {
      message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 21, output_tokens: 1 } },
    }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    ...Array.from({ length: eventsPerStream - 5 }, (_, index) =>
      event("content_block_delta", { index: 0, delta: { type: "text_delta", text: ` word${index}` } }),
    ),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 64 },
    }),
    event("message_stop", {}),
  ],
};

/**
 * What a run asks for: JSON, a stream at the pace of a model, one as fast as it goes, the same one after the other, or one
 * that stays open.
 */
export type Kind = "json" | "stream" | "flood" | "single" | "held";

const questions: { readonly [Name in Kind]: string } = {
  json: "What does a proxy do?",
  stream: "What does a proxy do?",
  flood: "unpaced",
  single: "unpaced",
  held: "held open",
};

export function requestBody(kind: Kind): string {
  const question = questions[kind];
  const messages = [
    { role: "system", content: "You answer in one sentence." },
    { role: "user", content: question },
  ];
  return JSON.stringify({ model: "lab/m", messages, temperature: 0.7, ...(kind === "json" ? {} : { stream: true }) });
}
