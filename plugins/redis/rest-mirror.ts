/** What rests here rests on the other workers too, a moment later: news in a stream that everybody reads. */
import { randomUUID } from "node:crypto";
import type { App, Rest, RestTarget, Timer } from "waygate";
import { duration } from "./codec.ts";
import type { Link } from "./link.ts";
import { readNews, writeNews } from "./rest-news.ts";

/** Milliseconds between two looks. */
const EVERY = 400;
/** News kept for workers that start later; about as many are told at once when nobody could be told for a while. */
const KEPT = 10_000;
/** News told or read in one go. */
const PAGE = 200;
/** Milliseconds that the stream outlives its latest news. */
const TTL = 7 * 24 * 3_600_000;

type News = readonly [target: RestTarget, rest: Rest | undefined];

export interface Mirror {
  close(): void;
}

export function mirrorRests({ credentials, runtime: { clock }, log }: App, link: Link): Mirror {
  const self = randomUUID();
  const stream = link.key("rests");
  /** By place, the latest: not told yet. */
  const untold = new Map<string, News>();
  let last = "-";
  let isTold = false;
  let isTelling = false;
  let isReading = false;
  let isClosed = false;
  let timer: Timer | undefined;

  const note = (target: RestTarget, rest: Rest | undefined): void => {
    const key = JSON.stringify([target.provider, target.credential, target.model]);
    untold.delete(key);
    untold.set(key, [target, rest]);
    if (untold.size <= KEPT) return;
    for (const oldest of untold.keys()) {
      untold.delete(oldest);
      break;
    }
  };
  const add = ([target, rest]: News): Promise<unknown> => {
    const text = writeNews(target, rest, link.offset);
    return link.command(["XADD", stream, "MAXLEN", "~", String(KEPT), "*", "by", self, "news", text]);
  };
  const tell = async (): Promise<void> => {
    if (isTelling || isClosed) return;
    isTelling = true;
    try {
      while (untold.size > 0 && link.up) {
        const some = [...untold].slice(0, PAGE);
        await Promise.all(some.map(([, news]) => add(news)));
        // Newer news of the same place may have come meanwhile.
        for (const [key, news] of some) if (untold.get(key) === news) untold.delete(key);
        await link.command(["PEXPIRE", stream, duration(TTL)]);
      }
    } catch {
      // Away, which the link has said; told when Redis is back.
    } finally {
      isTelling = false;
    }
  };

  /** Puts news of others in; the same again is no news, or two workers would tell each other for ever. */
  const hear = (text: string): void => {
    const news = readNews(text, link.offset);
    if (news === undefined)
      return log.warn("redis: news of a rest cannot be read; do all workers have the same version?");
    const { target, rest } = news;
    const known = credentials.restOf(target);
    isTold = true;
    try {
      if (rest === undefined) credentials.wake(target);
      else if (rest.until > clock.now() && !isSame(known, rest)) credentials.rest(target, rest);
    } finally {
      isTold = false;
    }
  };
  const read = async (): Promise<void> => {
    if (isReading || isClosed || !link.up) return;
    isReading = true;
    try {
      for (;;) {
        const from = last === "-" ? "-" : `(${last}`;
        const page = (await link.command(["XRANGE", stream, from, "+", "COUNT", String(PAGE)])) as readonly Item[];
        for (const [id, [, by, , news = ""]] of page) {
          last = id;
          if (by !== self) hear(news);
        }
        if (page.length < PAGE) return;
      }
    } catch {
      // Away, which the link has said; read when Redis is back.
    } finally {
      isReading = false;
    }
  };

  const unwatch = credentials.watchRests((target, rest) => {
    // Half-open is for each worker to find out.
    if (isTold || (rest !== undefined && rest.until <= clock.now())) return;
    note(target, rest);
    if (link.up) void tell();
  });
  link.whenBack((lost) => {
    if (isClosed) return;
    if (lost) {
      last = "-";
      for (const { target, rest } of credentials.rests()) if (rest.until > clock.now()) note(target, rest);
    }
    void tell();
  });
  const readOn = (): void => {
    if (isClosed) return;
    void read();
    timer = clock.timer(readOn, EVERY);
  };
  readOn();

  return {
    close() {
      isClosed = true;
      unwatch();
      timer?.cancel();
    },
  };
}

/** Of a stream: its id, and names and values in turn. */
type Item = readonly [id: string, fields: readonly string[]];

/** Times go over two clocks and are rounded. */
function isSame(known: Rest | undefined, rest: Rest): boolean {
  return known !== undefined && known.state === rest.state && !(rest.until > known.until + 100);
}
