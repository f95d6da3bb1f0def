/** The network of one proxy: every call is looked at before an upstream answers it, and counted until it ends. */
import type { Wire } from "../plugin/provider.ts";
import type { Clock, Transport } from "../runtime.ts";
import { indexIn } from "./client.ts";
import type { Generation } from "./generations.ts";
import { checkSending, type Promises, type Violate } from "./invariants.ts";
import type { Life, Sending } from "./life.ts";
import { type CallEnd, type NetworkCall, simulatedNetwork } from "./network.ts";
import { type Play, refusal } from "./play.ts";
import type { Trace } from "./trace.ts";
import type { Upstream } from "./upstream.ts";
import type { Affinity } from "./affinity.ts";
import type { Watch } from "./watch.ts";

export interface WatchedNetworkInit {
  readonly clock: Clock;
  /** Milliseconds of a clock that nobody sets: that of upstreams and of all that is checked. */
  readonly time: () => number;
  readonly trace: Trace;
  readonly lives: ReadonlyMap<number, Life>;
  readonly upstreams: readonly Upstream[];
  readonly models: readonly string[];
  readonly promises: Promises;
  readonly counts: { calls: number };
  readonly violate: Violate;
  readonly watch: Watch;
  readonly affinity: Affinity | undefined;
  readonly concurrency: (provider: string, key: string, model?: string) => number;
  /** The proxy that calls. */
  readonly own: () => Generation;
}

/** What a key is tried with, without anybody's request. */
const probe = { index: -1, model: "m", stream: false };

/** Milliseconds after which another request may try what is half-open, though the first has not been answered. */
const PATIENCE = 10_000;

/** Upstreams are told apart by their host, `PROVIDER.invalid`, and keys by their value, which is their name. */
export function watchedNetwork(init: WatchedNetworkInit): Transport {
  const { clock, trace, lives, upstreams, models, promises, counts, violate, watch, own } = init;
  const { affinity, concurrency, time } = init;
  const hosts = new Map(upstreams.map((upstream) => [`${upstream.provider}.invalid`, upstream]));
  const under = new Map<NetworkCall, { readonly life: Life; readonly sending: Sending }>();

  const upstreamOf = (wire: Wire): Upstream => hosts.get(new URL(wire.url).hostname)!;
  const move = ({ provider, key }: Sending, by: number): void => {
    const { open } = own().seen;
    const name = `${provider}/${key}`;
    open.set(name, (open.get(name) ?? 0) + by);
    watch.touch(own(), provider, key);
  };

  const play = (wire: Wire): Play => {
    const upstream = upstreamOf(wire);
    const key = keyIn(wire);
    if (wire.method === "GET") return listOf(upstream.keys.get(key)?.health === "good", models);
    const body = wire.body?.text ?? "";
    const asked = indexIn(body);
    if (!asked) return upstream.answer(key, { request: probe, input: 1, output: 1, now: time() });
    const life = lives.get(asked.index);
    if (!life) return refusal(400, { message: "Whose request is this?", code: "invalid_value" });
    const { index, stream, output } = life.request;
    const request = { index, model: modelIn(body), stream };
    return upstream.answer(key, { request, input: asked.input, output, now: time() });
  };

  const begun = (call: NetworkCall): void => {
    const { wire } = call;
    const body = wire.body?.text ?? "";
    const index = indexIn(body)?.index;
    if (index === undefined) {
      trace.note(time(), "probe", upstreamOf(wire).provider, keyIn(wire), call.play.fault);
      return;
    }
    const life = lives.get(index);
    if (!life) return violate("one-end", `a call for #${index}, which is over`);
    const { provider } = upstreamOf(wire);
    const model = modelIn(body);
    const key = keyIn(wire);
    const now = { at: time(), wall: own().wall() };
    const sending: Sending = { provider, key, model, call, ...now, endedAt: undefined, how: undefined };
    trace.note(time(), "call", `#${life.request.index}`, `${provider}/${model}`, key, call.play.fault ?? "good");
    counts.calls++;
    checkSending(life, sending, promises, violate);
    checkRest(life, sending);
    checkRations(life, sending);
    const ofModel = [...under.values()].filter((each) => isOf(each.sending, sending)).length + 1;
    if (ofModel > concurrency(provider, key, model))
      violate("no-overload", `${provider}/${model} ${key}: ${ofModel} calls at once`, life);
    if (life.sendings.length === 0) affinity?.sent(life, sending, (name) => isFree(sending, name));
    life.sendings.push(sending);
    life.hungrySince = undefined;
    life.open++;
    under.set(call, { life, sending });
    move(sending, 1);
  };

  const checkRest = (life: Life, sending: Sending): void => {
    const { provider, key, model } = sending;
    const name = `${provider}/${model} ${key}`;
    const { credentials } = own().app;
    const found = own().key(provider, key);
    if (!found) return violate("no-resting-key", `${name} has been taken away`, life);
    const { id } = found.credential;
    const targets = [{ provider }, { provider, credential: id }, { provider, credential: id, model }];
    for (const [place, target] of targets.entries()) {
      const rest = credentials.restOf(target);
      if (rest === undefined) continue;
      const what = `${name} is ${rest.state} (${rest.reason})`;
      if (rest.state !== "half-open") violate("no-resting-key", what, life);
      // Somebody has to find out whether it works again, but one at a time.
      const { trials } = own().seen;
      const at = [provider, key, model].slice(0, place + 1).join(" ");
      const before = trials.get(at);
      const since = before === undefined ? 0 : sending.at - before.at;
      if (before && before.endedAt === undefined && since < PATIENCE) {
        violate("one-probe", `${what} and was asked ${since} ms ago too, without an answer so far`, life);
      }
      trials.set(at, sending);
    }
  };

  const checkRations = (life: Life, sending: Sending): void => {
    const { rations } = own().seen;
    const tell = (what: string | undefined): void =>
      what === undefined ? undefined : violate("limits-kept", what, life);
    // A client's request counts when it is accepted, which may be another day than that of its call.
    const accepted = { at: life.askedAt, wall: sending.wall - (sending.at - life.askedAt) };
    if (life.sendings.length === 0) tell(rations.client(life.request.client, accepted));
    if (sending.call.play.head?.status === 200) tell(rations.call(sending.provider, sending.key, sending));
  };

  const isFree = ({ provider, model }: Sending, key: string): boolean => {
    const found = own().key(provider, key);
    if (!found) return false;
    const { credentials } = own().app;
    const rest = credentials.resting({ ...found, model });
    const { id } = found.credential;
    return (
      rest === undefined &&
      credentials.inFlight(id) < concurrency(provider, key) &&
      credentials.inFlight(id, model) < concurrency(provider, key, model)
    );
  };

  const ended = (call: NetworkCall, how: CallEnd): void => {
    const found = under.get(call);
    if (!found) return;
    const { life, sending } = found;
    under.delete(call);
    sending.endedAt = time();
    sending.how = how;
    life.open--;
    const { bills, fault } = call.play;
    if (how === "complete" && bills && fault !== "wrongUsage") {
      const end = { at: time(), wall: own().wall() };
      own().seen.rations.cost(sending.provider, sending.key, sending, end, bills.input + bills.output);
    }
    trace.note(time(), "ended", `#${life.request.index}`, sending.key, how, call.sent);
    move(sending, -1);
  };

  return simulatedNetwork({ clock, play, begun, ended });
}

function isOf(one: Sending, other: Sending): boolean {
  return one.provider === other.provider && one.key === other.key && one.model === other.model;
}

function keyIn(wire: Wire): string {
  return wire.headers["authorization"]?.slice("Bearer ".length) ?? "";
}

function modelIn(body: string): string {
  return /"model":"([^"]+)"/.exec(body)?.[1] ?? "";
}

function listOf(allowed: boolean, models: readonly string[]): Play {
  if (!allowed) return refusal(401, { message: "Incorrect API key provided.", code: "invalid_api_key" });
  const text = JSON.stringify({ object: "list", data: models.map((id) => ({ id, object: "model" })) });
  const head = { status: 200, headers: { "content-type": "application/json" } };
  return { connect: 0, headers: 20, head, pieces: [{ after: 0, text }], end: "complete" };
}
