/** One request that may share a call, read from what is about to be sent. */
import {
  type Attempt,
  type Body,
  type EmbedCodec,
  type EmbedRequest,
  hasNeeds,
  type Operation,
  withoutForm,
} from "waygate";

export interface Member {
  readonly attempt: Attempt;
  /** Sends the request alone. */
  readonly next: () => Promise<Response>;
  readonly codec: EmbedCodec;
  readonly request: EmbedRequest;
  /** Whose path the request goes to. */
  readonly operation: Operation;
}

/** `undefined` for what cannot be part of a batch: no HTTP, or a body or an address this protocol does not know. */
export function readMember(attempt: Attempt, next: () => Promise<Response>): Member | undefined {
  const { protocol, provider, wire, model } = attempt;
  const codec = protocol.embedding;
  const operation = operationOf(attempt);
  if (!codec || provider.call || !operation || !wire.body) return undefined;
  try {
    const request = codec.decodeRequest(wire.body, new Request(wire.url, { method: wire.method }));
    // What is asked for with each input apart cannot be told of the inputs of others.
    if (request.inputs.length === 0 || hasNeeds(request.meta)) return undefined;
    return { attempt, next, codec, operation, request: { ...request, model } };
  } catch {
    // The provider has wrapped the body, or the upstream knows more than we do: it goes out as it is.
    return undefined;
  }
}

/** What has to be equal in requests that share a call: everything but the inputs and the key. */
export function keyOf({ attempt, request }: Member): string {
  const { provider, model, ctx } = attempt;
  // How a client has written its inputs is no option.
  const options = { ...request, inputs: undefined, meta: withoutForm(request.meta) };
  const sorted = Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([provider.name, model, attempt.wire.proxy, sorted, beta(ctx.req.headers)]);
}

/** The members' inputs as one request of the upstream, and the address it goes to; `undefined` when there is no such. */
export function joined(members: readonly Member[]): { readonly url: string; readonly body: Body } | undefined {
  const [{ attempt, codec, request, operation }] = members as readonly [Member, ...Member[]];
  const inputs = members.flatMap((member) => member.request.inputs);
  const all = encoded(codec, { ...request, inputs, meta: withoutForm(request.meta) });
  if (!all) return undefined;
  const { protocol, model, wire } = attempt;
  const own = protocol.path(model, false, operation);
  const at = wire.url.lastIndexOf(own);
  if (at === -1) return undefined;
  const path = protocol.path(model, false, all.operation);
  return { url: wire.url.slice(0, at) + path + wire.url.slice(at + own.length), body: all.body };
}

function encoded(codec: EmbedCodec, request: EmbedRequest): ReturnType<EmbedCodec["encodeRequest"]> | undefined {
  try {
    return codec.encodeRequest(request, () => {});
  } catch {
    // What cannot be asked together may still be asked one by one, and the upstream says what is wrong with it.
    return undefined;
  }
}

function operationOf({ protocol, wire, model }: Attempt): Operation | undefined {
  const operations: readonly Operation[] = ["embed", "embed-batch"];
  return operations.find((operation) => wire.url.includes(protocol.path(model, false, operation)));
}

/** Headers of the client that are sent on. */
function beta(headers: Headers): readonly (string | null)[] {
  return ["openai-beta", "anthropic-beta", "anthropic-version"].map((name) => headers.get(name));
}
