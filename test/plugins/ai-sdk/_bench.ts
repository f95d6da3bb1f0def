/** A proxy with packages of the AI SDK before scripted upstreams, and clients of every protocol that speak canonically. */
import { onTestFinished } from "vitest";
import type { GenerateRequest, Message, PluginInput, Protocol, StreamEvent } from "waygate";
import { createTestProxy, createUpstream, readEvents, type TestProxy, type Upstream } from "waygate/testing";
import { type Answer, folder } from "../../../src/protocols/fold.ts";
import { shippedProtocols } from "../../../src/protocols/shipped.ts";
import { wires } from "../../sdk/_upstreams.ts";
import type { ProtocolId, Turn } from "../../sdk/wire/types.ts";

/** What a package talks to. */
export interface Station {
  readonly upstream: Upstream;
  says(...turns: readonly Turn[]): void;
}

export async function station(id: ProtocolId): Promise<Station> {
  const upstream = await createUpstream({ base: wires[id].base });
  onTestFinished(() => upstream.close());
  return { upstream, says: (...turns) => upstream.reply(...turns.map((turn) => wires[id].says(turn))) };
}

export async function proxyOf(plugins: readonly PluginInput[], faults?: RegExp): Promise<TestProxy> {
  const proxy = await createTestProxy({ plugins, faults, retry: { sameCredential: 0 } });
  onTestFinished(() => proxy.close());
  return proxy;
}

export const clients: readonly ProtocolId[] = ["openai-chat", "openai-responses", "anthropic", "gemini"];

export function protocolNamed(id: string): Protocol {
  const protocol = shippedProtocols.find((one) => one.id === id);
  if (!protocol) throw new Error(`There is no protocol ${id}.`);
  return protocol;
}

export const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });

/** Asks as a client of a protocol does, which writes its requests itself and gives back what it was given. */
export function ask(proxy: TestProxy, client: string, request: Partial<GenerateRequest>): Promise<Response> {
  const protocol = protocolNamed(client);
  const { model = "", stream = false } = request;
  const path = (client === "gemini" ? "/v1beta" : "/v1") + protocol.path(model, stream, "generate");
  const full: GenerateRequest = { maxTokens: 2000, messages: [user("hello")], ...request, model, stream };
  const plain = protocol.encodeRequest({ model, stream, maxTokens: 2000, messages: [user("hello")] }, () => {});
  // What a protocol knows of its own client.
  const { meta } = protocol.decodeRequest(plain, new Request(`http://localhost${path}`, { method: "POST" }));
  const body = protocol.encodeRequest({ ...full, meta }, () => {});
  return proxy.fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: body.text });
}

/** What the client understands of it. Throws for an answer that is no success. */
export async function read(response: Response, client: string): Promise<Answer> {
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const decoder = protocolNamed(client).decoder();
  const fold = folder();
  const take = (event: StreamEvent): void => fold.event(event);
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    for await (const { event, data } of readEvents(response)) decoder.message({ event, data }, take);
  } else decoder.body((await response.json()) as never, take);
  decoder.end(take);
  return fold.answer();
}
