/** Gives a world its requests, and looks at its keys from time to time. */
import { handleRequest } from "../../pipeline/run.ts";
import { StreamBody } from "../../pipeline/outlet.ts";
import type { Candidate, Target } from "../../plugin/context.ts";
import { ProxyError } from "../../failure/error.ts";
import type { Ask } from "./asks.ts";
import { clientHeader } from "./stand-ins.ts";
import type { UserWorld } from "./world.ts";

export interface PlayInit {
  readonly world: UserWorld;
  readonly asks: Iterable<Ask>;
  /** Names that will be asked for: their keys are looked at. */
  readonly models: readonly string[];
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly onProgress?: (done: number) => void;
}

/** How many keys could be used, each time somebody looked. */
export interface Sample {
  readonly at: number;
  readonly usable: number;
}

const MINUTE = 60_000;
/** Looks at single keys in one run; with more keys the looks are further apart. */
const LOOKS = 2_000_000;
/** Milliseconds after the last request by which all have had their answer. */
const PATIENCE = 2 * 3_600_000;

/** Resolves with the samples, when the last request has ended. */
export async function play(init: PlayInit): Promise<readonly Sample[]> {
  const { world, start, end, models, onProgress } = init;
  const { clock } = world;
  const client = createClient(world);
  const asks = init.asks[Symbol.iterator]();
  let index = 0;
  const next = (): void => {
    const { value, done } = asks.next();
    if (done === true) return;
    clock.timer(() => {
      client.ask(value, index++);
      next();
    }, value.at - clock.now());
  };
  next();

  const keys = candidatesOf(world, models);
  const step = Math.max(MINUTE, Math.ceil(((end - start) * keys.length) / LOOKS));
  const samples: Sample[] = [];
  for (let at = start; at < end; at += step) {
    if (at > start) await clock.advanceTo(at);
    samples.push({ at, usable: look(world, keys) });
    onProgress?.(world.tallies.tally.requests);
  }
  await clock.advanceTo(end);
  for (let waited = 0; client.open() > 0 && waited < PATIENCE; waited += MINUTE) await clock.advance(MINUTE);
  return samples;
}

/** The keys behind these names, each with the models it may be asked for. */
function candidatesOf({ pipeline, pool }: UserWorld, models: readonly string[]): (readonly Candidate[])[] {
  const byKey = new Map<string, Candidate[]>();
  for (const target of models.flatMap((model) => targetsOf(pipeline.app.models.resolve, model))) {
    for (const credential of pool.list(target.provider.name)) {
      const own = byKey.get(credential.id) ?? [];
      own.push({ ...target, credential });
      byKey.set(credential.id, own);
    }
  }
  return [...byKey.values()];
}

/** A recorded name that nobody offers any more leads nowhere, and its requests are refused one by one. */
function targetsOf(resolve: (model: string) => readonly Target[], model: string): readonly Target[] {
  try {
    return resolve(model);
  } catch (error) {
    if (ProxyError.is(error)) return [];
    throw error;
  }
}

function look({ pool, spells, clock }: UserWorld, keys: readonly (readonly Candidate[])[]): number {
  const now = clock.now();
  let usable = 0;
  for (const candidates of keys) {
    let isUsable = false;
    let dryUntil = 0;
    for (const candidate of candidates) {
      const rest = pool.resting(candidate);
      if (rest === undefined) isUsable = true;
      else if (rest.kind === "quota_exhausted" || rest.kind === "rate_limited")
        dryUntil = Math.max(dryUntil, rest.until);
    }
    if (isUsable) usable++;
    else spells.note(candidates[0]!.credential.id, now, dryUntil);
  }
  return usable;
}

/** What of a request does not change, made once per client. */
interface Caller {
  readonly req: Request;
}

/** As much of a Node response as is looked at; with one the body comes without a web stream around it. */
const nodeResponse = { destroyed: false, writableEnded: false, once() {}, off() {} };

/** Characters per token of a prompt, as they are guessed from. */
const PER_TOKEN = 4;
/** Longer prompts say nothing more to anybody, and take time. */
const LONGEST = 400_000;

function createClient({ pipeline, wanted, tallies }: UserWorld): {
  ask(ask: Ask, index: number): void;
  open(): number;
} {
  const protocol = pipeline.app.protocol("openai-chat");
  const callers = new Map<string, Caller>();
  let filler = "the quick brown fox jumps over the lazy dog ";

  const callerOf = (name: string): Caller => {
    let found = callers.get(name);
    if (found === undefined) {
      const req = new Request("http://simulation.localhost/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json", [clientHeader]: encodeURIComponent(name) },
      });
      Object.defineProperty(req, "runtime", { value: { node: { res: nodeResponse } } });
      callers.set(name, (found = { req }));
    }
    return found;
  };
  const bodyOf = ({ model, conversation, stream, input }: Ask, index: number): string => {
    const length = Math.min(LONGEST, input * PER_TOKEN);
    while (filler.length < length) filler += filler;
    const begin = `{"model":${JSON.stringify(model)},"prompt_cache_key":${JSON.stringify(conversation)}`;
    const streamed = stream ? ',"stream":true,"stream_options":{"include_usage":true}' : "";
    const text = `${begin}${streamed},"messages":[{"role":"user","content":"request ${index}: `;
    return `${text}${filler.slice(0, Math.max(0, length - text.length))}"}]}`;
  };

  const ask = async (asked: Ask, index: number): Promise<void> => {
    const id = `s${index}`;
    wanted.set(id, asked);
    const response = await handleRequest(pipeline, {
      req: callerOf(asked.client).req,
      id,
      ip: undefined,
      protocol,
      operation: "generate",
      readBody: () => Promise.resolve(bodyOf(asked, index)),
    });
    if (await drained(response)) tallies.fellBack();
    wanted.delete(id);
  };
  return {
    ask: (asked, index) => void ask(asked, index),
    open: () => wanted.size,
  };
}

/** A response as the Node server takes it apart: without making web objects of its parts. */
interface Prepared {
  _toNodeResponse?(): { readonly body: unknown; readonly headers: readonly string[] };
}

/** Reads an answer to its end. True when another provider than the preferred one gave it. */
async function drained(response: Response & Prepared): Promise<boolean> {
  const prepared = response._toNodeResponse?.();
  if (prepared === undefined) {
    // What a filter answers with. A body that breaks off is counted by the proxy's own record.
    await response.arrayBuffer().catch(() => undefined);
    return response.headers.has("x-fallback-provider");
  }
  const { body } = prepared;
  if (body instanceof StreamBody) {
    await new Promise<void>((resolve) => {
      body.into({ write: () => true, end: resolve, fail: () => resolve() });
    });
  }
  return prepared.headers.includes("x-fallback-provider");
}
