/** One request in the client's protocol, answered by a model of the AI SDK. */
import {
  type Attempt,
  type Encoder,
  encodeFrame,
  type GenerateRequest,
  ProxyError,
  type StreamEvent,
  type Wire,
} from "waygate";
import { type EventReader, eventReader } from "./events.ts";
import { failedCall, failureOf, passedHeaders } from "./failures.ts";
import { type Fields, isFields, type ProviderOptions } from "./model.ts";
import { callOptions } from "./options.ts";
import { promptOf } from "./prompt.ts";
import type { Model, StreamPart } from "./spec.ts";

export interface CallInit {
  readonly model: Model;
  readonly providerOptions: ProviderOptions;
  readonly headers: { readonly [name: string]: string };
}

/** Answers as an upstream of the client's protocol would. Rejects with a `ProxyError` where there is no status. */
export async function generate(wire: Wire, attempt: Attempt, init: CallInit): Promise<Response> {
  const { protocol, ctx } = attempt;
  if (!wire.body) throw new ProxyError({ kind: "internal", message: "There is no request to hand to the AI SDK." });
  const request = protocol.decodeRequest(wire.body, ctx.req);
  try {
    const options = await optionsFor(request, attempt, init);
    return ctx.stream ? await stream(options, attempt, init.model) : await whole(options, attempt, init.model);
  } catch (error) {
    if (attempt.signal.aborted) throw error;
    return failedCall(error, attempt);
  }
}

type Options = never;

async function optionsFor(request: GenerateRequest, attempt: Attempt, init: CallInit): Promise<Options> {
  const { model, headers } = init;
  const urls = await model.supportedUrls;
  let lost = false;
  const lose: Attempt["lose"] = (loss) => {
    lost = true;
    attempt.lose(loss);
  };
  const prompt = promptOf(request.messages, { model, urls, lose });
  const options = callOptions(request, { model, stated: init.providerOptions, lose });
  if (lost && isStrict(attempt)) throw tooMuchLost(attempt);
  // Written for the newest version; older ones are the same less what `prompt` and `callOptions` know of.
  return { ...options, prompt, headers, abortSignal: attempt.signal } as unknown as Options;
}

async function whole(options: Options, attempt: Attempt, model: Model): Promise<Response> {
  const result: unknown = await model.doGenerate(options);
  if (!isFields(result)) throw new ProxyError({ kind: "upstream", message: "The AI SDK gave no result." });
  const encoder = encoderFor(attempt);
  const ignore = (): void => {};
  readerFor(attempt).whole(result, (event) => encoder.event(event, ignore));
  encoder.end(ignore);
  return Response.json(encoder.body(), { headers: answerHeaders(result) });
}

async function stream(options: Options, attempt: Attempt, model: Model): Promise<Response> {
  const result = await model.doStream(options);
  const parts = (result.stream as ReadableStream<StreamPart>).getReader();
  const body = frames(parts, attempt);
  return new Response(body, { headers: { ...answerHeaders(result), "content-type": "text/event-stream" } });
}

/** As slow as its reader: no part is asked for before the last one is taken. */
function frames(parts: ReadableStreamDefaultReader<StreamPart>, attempt: Attempt): ReadableStream<Uint8Array> {
  const encoder = encoderFor(attempt);
  const reader = readerFor(attempt);
  let text = "";
  const write = (message: Parameters<typeof encodeFrame>[0]): void => {
    text += encodeFrame(message);
  };
  const emit = (event: StreamEvent): void => encoder.event(event, write);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          while (text === "") {
            const { done, value } = await parts.read();
            if (done) encoder.end(write);
            else if (value.type === "error") throw value.error;
            else reader.part(value, emit);
            if (!done) continue;
            if (text !== "") controller.enqueue(Buffer.from(text));
            controller.close();
            return;
          }
          controller.enqueue(Buffer.from(text));
          text = "";
        } catch (error) {
          parts.cancel(error).catch(ignoreAfterCancel);
          controller.error(attempt.signal.aborted ? error : failureOf(error, attempt));
        }
      },
      cancel: (reason) => parts.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** What a stream says that nobody reads any more. */
function ignoreAfterCancel(): void {}

function encoderFor(attempt: Attempt): Encoder {
  const { protocol, ctx, model } = attempt;
  const created = Math.floor(ctx.app.runtime.clock.now() / 1000);
  const init = {
    id: ctx.id,
    model,
    created,
    // The core takes it out again where the client did not ask.
    usage: true,
    get request() {
      return ctx.request;
    },
  };
  return protocol.encoder(init, (loss) => attempt.lose(loss));
}

function readerFor(attempt: Attempt): EventReader {
  const { protocol, provider } = attempt;
  return eventReader({ protocol: protocol.id, provider: provider.name }, (loss) => attempt.lose(loss));
}

function answerHeaders({ response }: Fields | { readonly response?: unknown }): { readonly [name: string]: string } {
  const { "content-type": _type, ...headers } = passedHeaders(isFields(response) ? response["headers"] : undefined);
  return headers;
}

function isStrict({ ctx }: Attempt): boolean {
  return ctx.app.config.strict || ctx.req.headers.get("x-waygate-strict") === "on";
}

function tooMuchLost({ provider, model }: Attempt): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    code: "unsupported_feature",
    message: `The AI SDK has no place for a part of what is asked of ${provider.name}/${model}. Leave it out, choose another model, or allow losses (strict is on).`,
  });
}
