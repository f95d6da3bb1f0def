/** A proxy before one upstream of each protocol, and the conversation that every client has with them. */
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import {
  createTestProxy,
  createUpstream,
  type ScriptRequest,
  type Step,
  type TestProxy,
  type Upstream,
} from "waygate/testing";
import { wires } from "./_upstreams.ts";
import type { ProtocolId, ToolResult, Turn } from "./wire/types.ts";

export const key = "client-key";
export const greeting = "Grüße aus der Ferne 👋 — 遠くから";
export const thought = "The user says hello. I greet back. ";
export const weatherCall = { id: "call_w1", name: "get_weather", args: { city: "Köln", days: 2 } } as const;
/** What the tool of the tests gives back. */
export const weather = "21 degrees";
export const weatherSchema = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
} as const;
export const placeSchema = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "number" } },
  required: ["city", "degrees"],
  additionalProperties: false,
} as const;
export const place = { city: "Köln", degrees: 21 };

/** One upstream among those of the lab. */
export interface Station {
  readonly protocol: ProtocolId;
  /** The model's name for clients. */
  readonly model: string;
  readonly upstream: Upstream;
  says(turn: Turn): void;
  refuses(status: number, message: string, headers?: { readonly [name: string]: string }): void;
  /** The results of tools in the latest request. */
  readonly results: readonly ToolResult[];
  /** The latest request. */
  readonly latest: ScriptRequest;
  /** Whether the latest request brought the upstream's seal back; true for one that has none. */
  readonly sealed: boolean;
}

export interface Lab {
  readonly proxy: TestProxy;
  station(protocol: ProtocolId): Station;
  close(): Promise<void>;
}

/** Without a script an upstream greets; with tools it calls the weather's and then says what that gave. */
export async function createLab(): Promise<Lab> {
  const ids = Object.keys(wires) as ProtocolId[];
  const upstreams = new Map<ProtocolId, Upstream>();
  for (const id of ids) {
    const { base } = wires[id];
    upstreams.set(id, await createUpstream({ step: conversation(id), base }));
  }
  const proxy = await createTestProxy({
    listen: true,
    plugins: [
      proxyKey({ keys: [key] }),
      ...ids.map((protocol) =>
        openaiCompatible({
          name: protocol,
          protocol,
          baseURL: upstreams.get(protocol)!.url,
          keys: ["upstream-key"],
          models: ["m"],
        }),
      ),
    ],
    retry: { sameCredential: 0 },
  });
  return {
    proxy,
    station(protocol) {
      const upstream = upstreams.get(protocol)!;
      const wire = wires[protocol];
      const latest = (): ScriptRequest => upstream.requests.at(-1)!;
      return {
        protocol,
        model: `${protocol}/m`,
        upstream,
        says: (turn) => upstream.reply(wire.says(turn)),
        refuses: (...refusal) => upstream.reply(wire.refuses(...refusal)),
        get results() {
          return wire.resultsOf(latest().json);
        },
        get latest() {
          return latest();
        },
        get sealed() {
          return wire.seal === undefined || latest().body.includes(JSON.stringify(wire.seal));
        },
      };
    },
    async close() {
      await proxy.close();
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
    },
  };
}

function conversation(id: ProtocolId): Step {
  const wire = wires[id];
  return (request) => {
    const body = request.json;
    const [result] = wire.resultsOf(body);
    if (result) return wire.says({ text: `The tool says: ${result.text}` });
    if (wire.toolsOf(body).length > 0) return wire.says({ reasoning: thought, calls: [weatherCall] });
    return wire.says({ reasoning: thought, text: greeting });
  };
}
