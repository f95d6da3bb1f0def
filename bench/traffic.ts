/** What goes over the wire in the benchmark: the requests, one JSON answer and one stream. */

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

export const jsonAnswer: string = JSON.stringify({
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

export const streamEvents: readonly string[] = [
  chunk({ role: "assistant", content: "" }),
  ...Array.from({ length: eventsPerStream - 3 }, (_, index) => chunk({ content: ` word${index}` })),
  chunk({}, "stop"),
  "data: [DONE]\n\n",
];

/** What a run asks for: JSON, a stream at the pace of a model, or a stream as fast as it goes. */
export type Kind = "json" | "stream" | "flood";

export function requestBody(kind: Kind): string {
  const question = kind === "flood" ? "unpaced" : "What does a proxy do?";
  const messages = [
    { role: "system", content: "You answer in one sentence." },
    { role: "user", content: question },
  ];
  return JSON.stringify({ model: "lab/m", messages, temperature: 0.7, ...(kind === "json" ? {} : { stream: true }) });
}
