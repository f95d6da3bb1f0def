/** One kind of load against one server: figures from the load generator, and processor time from the kernel. */
import { load, type LoadResult } from "./load.ts";
import { holdOpen } from "./hold.ts";
import { processorTime, residentMemory, type Running } from "./processes.ts";
import { chatAnswer, eventsPerStream, type Kind, proxyKey, requestBody } from "./traffic.ts";

/** A figure's name and value; the unit is in the name. */
export type Figures = { readonly [name: string]: number };

export interface RoundOptions {
  /** Milliseconds of load. */
  readonly duration: number;
  readonly connections: number;
}

/** Puts one kind of load on a server. */
export async function measure(server: Running, kind: Kind, options: RoundOptions): Promise<Figures> {
  const before = processorTime(server.pid);
  const { duration } = options;
  const connections = kind === "single" ? 1 : options.connections;
  const result = await load({ port: server.port, kind, duration, connections });
  const processor = processorTime(server.pid) - before;
  const { latencies, requests } = result;
  const perEvent = processor / (requests * eventsPerStream);
  if (kind === "flood") {
    return {
      "Events/s, unpaced streams": perSecond(result, eventsPerStream),
      "CPU per event, unpaced streams (µs)": perEvent,
    };
  }
  // Nobody else waits, so this is what the way through the proxy takes, and not its queue.
  if (kind === "single") return { "First byte, one stream at a time p50 (ms)": quantile(latencies, 0.5) };
  if (kind === "stream") {
    return {
      "CPU per event, paced streams (µs)": perEvent,
      "First byte of a paced stream p50 (ms)": quantile(latencies, 0.5),
      "First byte of a paced stream p99 (ms)": quantile(latencies, 0.99),
    };
  }
  return {
    "JSON requests/s": perSecond(result, 1),
    "JSON latency p50 (ms)": quantile(latencies, 0.5),
    "JSON latency p99 (ms)": quantile(latencies, 0.99),
    "CPU per JSON request (µs)": processor / requests,
  };
}

/** Streams held open at once for `memoryPerStream`: fewer than the connections the floor allows itself. */
const heldStreams = 200;

/** KiB of resident memory for each stream that is open and waits. Not much more than an estimate: it follows the heap. */
export async function memoryPerStream(server: Running): Promise<number> {
  const before = residentMemory(server.pid);
  const streams = await holdOpen(server.port, heldStreams);
  const after = residentMemory(server.pid);
  streams.close();
  return ((after - before) * 1024) / heldStreams;
}

/** Asks once in each form and throws unless the answer is what the upstream sent. */
export async function verify(server: Running): Promise<void> {
  const ask = async (kind: Kind): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${proxyKey}`, connection: "close" },
      body: requestBody(kind),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`the server under test answered ${response.status}: ${text}`);
    return text;
  };
  const answer = JSON.parse(await ask("json")) as { choices?: readonly unknown[] };
  if (answer.choices?.length !== 1) throw new Error(`not the answer of the upstream: ${JSON.stringify(answer)}`);
  const text = await ask("stream");
  const events = text.split("\n\n").length - 1;
  // A translated answer may need a chunk less or more.
  if (Math.abs(events - chatAnswer.events.length) > 3) {
    throw new Error(`${events} events instead of ${chatAnswer.events.length}: ${text}`);
  }
}

function perSecond(result: LoadResult, each: number): number {
  return (result.requests * each * 1000) / result.elapsed;
}

/** The value below which that share of them lies. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
