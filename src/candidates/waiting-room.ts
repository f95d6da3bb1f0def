/**
 * Who waits for a candidate: first come, first served among the requests of one client, and clients take turns. Places
 * that are given back are handed over at once. For what only time brings back one request per line looks, and the next
 * one as soon as it has found something, so that a thousand who wait cost what one does.
 */
import type { Candidate } from "../plugin/context.ts";
import type { Clock, Timer } from "../runtime.ts";
import type { Lease, Placed } from "./in-flight.ts";

/** What there is to wait for. */
export interface Awaited {
  /** Candidates that only lack a free place. */
  readonly busy: readonly Candidate[];
  /** Epoch milliseconds when something else may be free; `undefined` when only a place can help. */
  readonly due: number | undefined;
}

/** `look`: something may be free, so the choice has to be made anew. `over`: the wait was cancelled. */
export type Call = Placed | "look" | "over";

export interface SpotInit {
  /** Who asks. */
  readonly client: string;
  /** Requests of one line may use the same candidates; `undefined` = like nobody else. */
  readonly line: string | undefined;
  /** When the request came: who came first is served first, also when it has to wait again. */
  readonly since: number;
  /** False for candidates that this request will not go to (again). */
  readonly wants: (candidate: Candidate) => boolean;
}

/** The spot of one request; it is kept while the request looks, until it leaves. */
export interface Spot {
  /** Without `awaited` what the others in the line wait for is waited for too. */
  wait(awaited?: Awaited): Promise<Call>;
  cancel(): void;
  /** `served`: it got what it waited for, so other clients are next. Leaving twice does nothing. */
  leave(served: boolean): void;
}

export interface WaitingRoom {
  /** Requests that hold a spot. */
  readonly size: number;
  /** Others wait in that line for something that may come before `end` (epoch milliseconds). */
  isWaited(line: string, end: number): boolean;
  enter(init: SpotInit): Spot;
  /** A place of that credential is free. */
  free(credential: string): void;
  /** Something has changed that nobody was promised: the first of every line looks. */
  stir(): void;
}

export interface WaitingRoomInit {
  readonly clock: Pick<Clock, "now" | "timer">;
  readonly acquire: (candidate: Candidate) => Lease | undefined;
  /** The candidate as it is now, or `undefined` when it must not be used. */
  readonly current: (candidate: Candidate) => Candidate | undefined;
}

interface Member extends SpotInit {
  readonly queue: Line;
  /** Absent while it looks or has been handed a place. */
  call: ((call: Call) => void) | undefined;
  gone: boolean;
}

interface Line {
  readonly key: string | undefined;
  size: number;
  /** By credential. */
  busy: ReadonlyMap<string, readonly Candidate[]>;
  due: number | undefined;
  timer: Timer | undefined;
  looking: Member | undefined;
  /** Something happened while that one was looking. */
  again: boolean;
}

/** Milliseconds after which a line looks anyway; timers of weeks overflow. */
const LONGEST = 3_600_000;

const nobody: ReadonlyMap<string, readonly Candidate[]> = new Map();

export function createWaitingRoom({ clock, acquire, current }: WaitingRoomInit): WaitingRoom {
  /** In order of turns; within one client in order of coming. */
  const clients = new Map<string, Member[]>();
  const lines = new Map<string, Line>();
  const alone = new Set<Line>();
  let size = 0;

  const lineOf = (key: string | undefined): Line => {
    let line = key === undefined ? undefined : lines.get(key);
    if (!line) {
      line = { key, size: 0, busy: nobody, due: undefined, timer: undefined, looking: undefined, again: false };
      if (key === undefined) alone.add(line);
      else lines.set(key, line);
    }
    return line;
  };

  const wake = (member: Member, call: Call): void => {
    const tell = member.call;
    member.call = undefined;
    tell?.(call);
  };

  /** The first in line looks, unless somebody does already; then it is looked again afterwards. */
  const look = (line: Line): void => {
    if (line.looking) {
      line.again = true;
      return;
    }
    for (const members of clients.values()) {
      for (const member of members) {
        if (member.queue !== line || !member.call) continue;
        line.looking = member;
        wake(member, "look");
        return;
      }
    }
  };

  const looked = (member: Member): boolean => {
    const line = member.queue;
    if (line.looking !== member) return false;
    line.looking = undefined;
    return true;
  };

  const arm = (line: Line, { busy, due }: Awaited): void => {
    line.timer?.cancel();
    line.timer = undefined;
    line.due = due;
    const byCredential = new Map<string, Candidate[]>();
    for (const candidate of busy) {
      const known = byCredential.get(candidate.credential.id);
      if (known) known.push(candidate);
      else byCredential.set(candidate.credential.id, [candidate]);
    }
    line.busy = byCredential;
    if (due === undefined || !Number.isFinite(due)) return;
    line.timer = clock.timer(
      () => {
        line.timer = undefined;
        line.due = undefined;
        look(line);
      },
      Math.min(LONGEST, Math.max(1, due - clock.now())),
    );
  };

  const leave = (member: Member, served: boolean): void => {
    if (member.gone) return;
    member.gone = true;
    member.call = undefined;
    size--;
    const members = clients.get(member.client)!;
    members.splice(members.indexOf(member), 1);
    if (members.length === 0 || served) clients.delete(member.client);
    if (members.length > 0 && served) clients.set(member.client, members);
    const line = member.queue;
    line.size--;
    const wasLooking = looked(member);
    if (line.size === 0) {
      line.timer?.cancel();
      if (line.key === undefined) alone.delete(line);
      else lines.delete(line.key);
    } else if (wasLooking) {
      line.again = false;
      look(line);
    }
  };

  const enter = (init: SpotInit): Spot => {
    const line = lineOf(init.line);
    const member: Member = { ...init, queue: line, call: undefined, gone: false };
    line.size++;
    size++;
    const members = clients.get(init.client);
    if (!members) clients.set(init.client, [member]);
    else {
      let at = members.length;
      while (at > 0 && members[at - 1]!.since > init.since) at--;
      members.splice(at, 0, member);
    }
    return {
      wait(awaited) {
        const { promise, resolve } = Promise.withResolvers<Call>();
        if (member.gone) {
          resolve("over");
          return promise;
        }
        member.call = resolve;
        if (awaited) arm(line, awaited);
        // Whoever joins without having looked makes sure that somebody has.
        else line.again = true;
        looked(member);
        if (line.again && !line.looking) {
          line.again = false;
          look(line);
        }
        return promise;
      },
      cancel: () => wake(member, "over"),
      leave: (served) => leave(member, served),
    };
  };

  return {
    get size() {
      return size;
    },
    isWaited(key, end) {
      const line = lines.get(key);
      return line !== undefined && (line.busy.size > 0 || (line.due !== undefined && line.due < end));
    },
    enter,
    free(credential) {
      if (size === 0) return;
      const hopeless = new Set<Line>();
      for (const members of clients.values()) {
        for (const member of members) {
          const wanted = member.call && member.queue.busy.get(credential);
          if (!wanted) continue;
          for (const each of wanted) {
            if (!member.wants(each)) continue;
            const candidate = current(each);
            const lease = candidate && acquire(candidate);
            if (!candidate) hopeless.add(member.queue);
            if (!candidate || !lease) continue;
            wake(member, { candidate, lease });
            for (const line of hopeless) look(line);
            return;
          }
        }
      }
      // What may not be used any more is no reason to wait.
      for (const line of hopeless) look(line);
    },
    stir() {
      for (const line of [...lines.values(), ...alone]) look(line);
    },
  };
}
