/** One upstream per provider on loopback; what it does with a call follows from the seed, the request and its turn. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import type { Chance } from "../../src/simulation/chance.ts";
import { wires } from "../../test/sdk/_upstreams.ts";
import { createUpstream, type Received, type Upstream } from "waygate/testing";
import type { Calls } from "./calls.ts";
import { askedIn, wordsFor } from "./client.ts";
import { stepFor } from "./faults.ts";
import type { ProviderPlan } from "./plan.ts";

export interface UpstreamsInit {
  readonly providers: readonly ProviderPlan[];
  readonly chance: Chance;
  readonly calls: Calls;
}

export interface Upstreams {
  readonly addresses: ReadonlyMap<string, string>;
  /** The share of the calls that goes wrong. */
  trouble: number;
  /** How often each fault was played. */
  readonly played: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function startUpstreams({ providers, chance, calls }: UpstreamsInit): Promise<Upstreams> {
  const addresses = new Map<string, string>();
  const played = new Map<string, number>();
  const open: Upstream[] = [];
  const upstreams: Upstreams = {
    addresses,
    trouble: 0.4,
    played,
    async close() {
      await Promise.all(open.map((each) => each.close()));
    },
  };
  for (const { name, protocol } of providers) {
    const wire = wires[protocol];
    const upstream = await createUpstream({
      base: wire.base,
      step(request) {
        const key = request.key ?? "";
        const asked = askedIn(request.body);
        const turn = asked ? calls.of(asked.index).length : 0;
        const text = wordsFor(asked?.index ?? 0, asked?.size ?? 3);
        const own = chance.fork(`${asked?.index} ${turn}`);
        const { name: fault, step } = stepFor({ wire, text, key, chance: own }, upstreams.trouble);
        played.set(fault, (played.get(fault) ?? 0) + 1);
        calls.begin(request as Received, { provider: name, key, index: asked?.index, fault });
        return step;
      },
    });
    open.push(upstream);
    addresses.set(name, upstream.url);
  }
  return upstreams;
}

/** A port where nobody listens, at least a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
