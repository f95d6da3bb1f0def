/** What upstreams see: how many calls a key has at a time and in a window, and for whom. */
import type { Received } from "waygate/testing";
import type { ProviderPlan } from "./plan.ts";
import type { Violate } from "./rules.ts";

export interface Call {
  readonly provider: string;
  readonly key: string;
  /** Of the request; `undefined` where its body has none. */
  readonly index: number | undefined;
  readonly fault: string;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  readonly reused: boolean;
  endedAt: number | undefined;
  how: "complete" | "client" | "script" | undefined;
}

export interface Calls {
  begin(received: Received, facts: Pick<Call, "provider" | "key" | "index" | "fault">): Call;
  readonly all: readonly Call[];
  of(index: number): readonly Call[];
  open(): readonly Call[];
  /** The most that each key had at a time. */
  readonly peaks: ReadonlyMap<string, number>;
}

/**
 * Milliseconds for which a call may seem to go on that is over for the proxy: until the upstream hears that its answer
 * has gone out, and until it hears that the proxy has hung up.
 */
const LATE = { complete: 150, script: 150, client: 500 } as const;

/** `lag`: the longest that this process has stood still around a time. */
export function watchCalls(
  providers: readonly ProviderPlan[],
  { violate, lag }: { readonly violate: Violate; readonly lag: (since: number) => number },
): Calls {
  const places = new Map(providers.map((each) => [each.name, each.places]));
  const all: Call[] = [];
  const byIndex = new Map<number, Call[]>();
  const open = new Map<string, Set<Call>>();
  const peaks = new Map<string, number>();
  const suspects: { readonly call: Call; readonly older: readonly Call[] }[] = [];

  const judge = (isOver: boolean): void => {
    for (const suspect of suspects.splice(0)) {
      const { call, older } = suspect;
      if (!isOver && older.some(({ endedAt }) => endedAt === undefined)) {
        suspects.push(suspect);
        continue;
      }
      const overlapping = older.filter(({ endedAt = Infinity, how = "client" }) => {
        return endedAt - call.at > LATE[how] + lag(call.at);
      });
      const most = places.get(call.provider) ?? Infinity;
      if (overlapping.length < most) continue;
      const beside = overlapping.map(
        (each) =>
          `#${each.index} ${each.fault} ${Math.round(each.at - call.at)}…${Math.round((each.endedAt ?? Infinity) - call.at)} ms ${each.how}`,
      );
      violate("no-overload", `${call.key}: #${call.index} beside ${beside.join(", ")}; ${most} may be`, call.at);
    }
  };

  return {
    all,
    peaks,
    of: (index) => byIndex.get(index) ?? [],
    open: () => [...open.values()].flatMap((calls) => [...calls]),
    begin(received, facts) {
      const call: Call = {
        ...facts,
        at: performance.now(),
        reused: received.reused,
        endedAt: undefined,
        how: undefined,
      };
      all.push(call);
      if (call.index !== undefined) byIndex.set(call.index, [...(byIndex.get(call.index) ?? []), call]);
      let beside = open.get(call.key);
      if (!beside) open.set(call.key, (beside = new Set()));
      if (beside.size >= (places.get(call.provider) ?? Infinity)) suspects.push({ call, older: [...beside] });
      beside.add(call);
      peaks.set(call.key, Math.max(peaks.get(call.key) ?? 0, beside.size));
      const own = beside;
      void received.closed.then((how) => {
        call.endedAt = performance.now();
        call.how = how;
        own.delete(call);
        judge(false);
      });
      return call;
    },
  };
}

/** Milliseconds by which calls may arrive nearer to each other than they were sent. */
const CLOSER = 700;
/** Milliseconds before a call in which a standstill may have held it up. */
const AROUND = 2000;
/** Milliseconds of what is counted that a process that is killed may take with it. */
const FORGOTTEN = 1800;

/** `kills`: when the proxy was killed. */
export function checkRates(
  calls: readonly Call[],
  providers: readonly ProviderPlan[],
  kills: readonly number[],
  { violate, lag }: { readonly violate: Violate; readonly lag: (since: number) => number },
): void {
  for (const { rate, keys } of providers) {
    if (!rate) continue;
    for (const key of keys) {
      const own = calls.filter((call) => call.key === key);
      // A request that a kept connection has lost is sent once more without being asked for anew.
      const repeated = (call: Call): boolean => call.reused && (call.fault === "drop" || call.fault === "reset");
      for (const [first, { at }] of own.entries()) {
        // Who stands still between counting a call and sending it sends it nearer to the next.
        const length = rate.window - CLOSER - lag(at - AROUND);
        let end = first;
        while (end < own.length && own[end]!.at < at + length) end++;
        const inWindow = own.slice(first, end).filter((call) => !repeated(call));
        const forgotten = inWindow.filter((call) =>
          kills.some((kill) => call.at > kill - FORGOTTEN && call.at <= kill && kill < at + length),
        );
        if (inWindow.length <= rate.requests + forgotten.length) continue;
        violate(
          "limits-kept",
          `${key}: ${inWindow.length} calls in ${length} ms, ${rate.requests} per ${rate.window} may be, ${forgotten.length} forgotten: ${inWindow.map((call) => Math.round(call.at)).join(" ")}; kills ${kills.map(Math.round).join(" ")}`,
          at,
        );
        break;
      }
    }
  }
}
