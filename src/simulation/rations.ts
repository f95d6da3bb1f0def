/** What keys, providers and clients may use by the limits of a config, counted once more and in the plainest way. */
import type { Limits } from "../plugin/provider.ts";

export interface RationsInit {
  readonly key?: Limits;
  /** Of all keys of a provider together. */
  readonly provider?: Limits;
  /** Of a client: requests only. */
  readonly client?: Pick<Limits, "rpm" | "rpd">;
  /** Hours after midnight UTC when a day begins. Default 3. */
  readonly reset?: number;
}

export interface Use {
  /** Milliseconds of a clock that never jumps. */
  readonly at: number;
  /** Epoch milliseconds as the proxy has it, for its days. */
  readonly wall: number;
}

export interface Rations {
  /** A call that will be answered. Returns what it is too many for. */
  call(provider: string, key: string, use: Use): string | undefined;
  /** What it has cost in the end; `began`: the use it was counted with. */
  cost(provider: string, key: string, began: Use, ended: Use, tokens: number): void;
  /** A request that was sent on, by the time it came. */
  client(name: string, use: Use): string | undefined;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Account {
  uses: Use[];
  costs: { readonly began: Use; readonly ended: Use; readonly tokens: number }[];
}

export function createRations({ key, provider, client, reset = 3 }: RationsInit): Rations {
  const accounts = new Map<string, Account>();
  const dayOf = ({ wall }: Use): number => Math.floor((wall - reset * HOUR) / DAY);
  const accountOf = (name: string): Account => {
    let found = accounts.get(name);
    if (!found) accounts.set(name, (found = { uses: [], costs: [] }));
    return found;
  };

  const isNow = (each: Use, now: Use): boolean => each.at > now.at - MINUTE && each.at <= now.at;
  const take = (name: string, { rpm, rpd, tpm, tpd }: Limits, now: Use): string | undefined => {
    const account = accountOf(name);
    const isToday = (each: Use): boolean => dayOf(each) === dayOf(now);
    account.uses = account.uses.filter((each) => each.at > now.at - MINUTE || isToday(each));
    account.uses.push(now);
    // When a token counts is for the proxy to say: what has begun and ended within the time does in any case.
    account.costs = account.costs.filter(({ began }) => began.at > now.at - MINUTE || isToday(began));
    const tokens = (within: (each: Use) => boolean): number =>
      account.costs.reduce((sum, each) => sum + (within(each.began) && within(each.ended) ? each.tokens : 0), 0);
    const minute = account.uses.filter((each) => isNow(each, now)).length;
    const day = account.uses.filter(isToday).length;
    if (rpm !== undefined && minute > rpm) return `${name}: ${minute} requests in a minute, not ${rpm}`;
    if (rpd !== undefined && day > rpd) return `${name}: ${day} requests in a day, not ${rpd}`;
    // Nobody knows before what an answer costs, so the last one may be too much: but it is the last.
    if (tpm !== undefined && tokens((each) => isNow(each, now)) >= tpm) return `${name}: ${tpm} tokens were used up`;
    if (tpd !== undefined && tokens(isToday) >= tpd) return `${name}: ${tpd} tokens of the day were used up`;
    return undefined;
  };

  return {
    call: (owner, name, now) => (key && take(`${owner} ${name}`, key, now)) ?? (provider && take(owner, provider, now)),
    cost(owner, name, began, ended, tokens) {
      if (key) accountOf(`${owner} ${name}`).costs.push({ began, ended, tokens });
      if (provider) accountOf(owner).costs.push({ began, ended, tokens });
    },
    client: (name, now) => client && take(name, client, now),
  };
}
