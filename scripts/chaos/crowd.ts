/** The clients: each asks one thing after another, as its stream of numbers says, until it is told to stop. */
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../../src/simulation/chance.ts";
import { ask, type Asked, type ClientPlace, type Served } from "./client.ts";
import type { Dialect } from "./ends.ts";

export interface CrowdInit extends Omit<ClientPlace, "agent"> {
  readonly clients: number;
  readonly models: readonly string[];
  readonly chance: Chance;
  readonly onServed: (served: Served) => void;
}

export interface Crowd {
  /** Asks no more; resolves when all have their ends. */
  stop(): Promise<void>;
}

/** Requests of one client at most; the number of each request is made of both. */
const MOST = 100_000;
const dialects: readonly Dialect[] = [
  ...(["openai-chat", "anthropic", "openai-responses", "gemini"] as const),
  ...(["openai-chat", "anthropic", "openai-responses", "gemini"] as const),
  "gemini-array",
];

export function startCrowd({ clients, models, chance, onServed, ...place }: CrowdInit): Crowd {
  let isOver = false;
  const one = async (number: number): Promise<void> => {
    const own = chance.fork(`client ${number}`);
    // Some keep their connections, as libraries do, others take a new one each time, as scripts do.
    const agent = number % 2 === 0 ? new Agent({ keepAlive: true }) : false;
    for (let count = 0; count < MOST && !isOver; count++) {
      const served = await ask(nextOf(own, number * MOST + count, models), { ...place, agent });
      onServed(served);
      await sleep(served.end === "unconnected" ? 150 : own.below(120));
    }
    if (agent) agent.destroy();
  };
  const all = Promise.all(Array.from({ length: clients }, (_, number) => one(number + 1)));
  return {
    async stop() {
      isOver = true;
      await all;
    },
  };
}

function nextOf(chance: Chance, index: number, models: readonly string[]): Asked {
  const dialect = chance.pick(dialects);
  const isHuge = chance.happens(0.03);
  const stream = dialect === "gemini-array" || chance.happens(0.65);
  return {
    index,
    dialect,
    stream,
    model: chance.pick(models),
    size: isHuge ? 2000 + chance.below(10_000) : 1 + chance.below(25),
    leavesAfter: chance.happens(0.15) ? chance.exponential(300) : undefined,
    leavesUpload: chance.happens(0.02),
    slow: chance.happens(isHuge ? 0.5 : 0.05) ? 20 + chance.below(150) : 0,
  };
}
