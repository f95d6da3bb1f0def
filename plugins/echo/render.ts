/** An echo as an HTTP answer of the OpenAI chat API: whole, or as server-sent events. */
import type { EchoAnswer, EchoProblem } from "./answer.ts";

export interface RenderOptions {
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
  /** Ends a stream. */
  readonly signal: AbortSignal;
}

/** One server-sent event for each word. */
export function render(answer: EchoAnswer, options: RenderOptions): Response {
  if (!answer.stream) return Response.json(whole(answer, options));
  const messages = chunks(answer, options);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (options.signal.aborted) return controller.error(options.signal.reason);
      const next = messages.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(`data: ${next.value}\n\n`));
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A request that cannot be answered. */
export function renderError({ problem, param }: EchoProblem): Response {
  const error = { message: `echo: ${problem}.`, type: "invalid_request_error", param, code: null };
  return Response.json({ error }, { status: 400 });
}

function whole({ id, words, tool, finish, usage }: EchoAnswer, { model, created }: RenderOptions): object {
  const message = tool
    ? {
        role: "assistant",
        content: null,
        tool_calls: [{ id: tool.id, type: "function", function: { name: tool.name, arguments: tool.input } }],
      }
    : { role: "assistant", content: words.join("") };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finish }];
  return { id, object: "chat.completion", created, model, choices, usage };
}

function* chunks(answer: EchoAnswer, { model, created }: RenderOptions): Generator<string, undefined> {
  const { id, words, tool, finish, usage, includeUsage } = answer;
  const head = { id, object: "chat.completion.chunk", created, model };
  const chunk = (delta: object, reason: string | null = null): string =>
    JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }] });

  if (tool) {
    const call = { index: 0, id: tool.id, type: "function", function: { name: tool.name, arguments: "" } };
    yield chunk({ role: "assistant", content: null, tool_calls: [call] });
    for (const word of words) yield chunk({ tool_calls: [{ index: 0, function: { arguments: word } }] });
  } else {
    yield chunk({ role: "assistant", content: "" });
    for (const word of words) yield chunk({ content: word });
  }
  yield chunk({}, finish);
  if (includeUsage) yield JSON.stringify({ ...head, choices: [], usage });
  yield "[DONE]";
}
