/**
 * One stream of the client over several attempts: each one's events are written behind those of the one before, as if
 * they were one answer.
 */
import type { StreamEvent, Usage } from "../protocols/canonical.ts";
import type { EventWriter } from "./path.ts";

export interface Thread {
  /** Writes for all attempts; it knows nothing of them. */
  readonly writer: EventWriter;
  /**
   * What a model can be made to go on behind: the text said so far, without white space at its end, which some models
   * refuse. `undefined` when the answer holds anything but text, or has said why it ends.
   */
  soFar(): string | undefined;
  /** Takes the events of one more attempt. */
  leg(): (event: StreamEvent) => void;
  /** What the attempts so far have used. */
  usage: Usage | undefined;
}

/** Letters from which on a text at the beginning of an attempt is taken for a repetition and not for chance. */
const ECHO = 24;

export function createThread(writer: EventWriter): Thread {
  let text = "";
  let isText = true;
  let next = 0;
  /** The block of text that is being written. */
  let open: number | undefined;
  let legs = 0;

  const thread: Thread = {
    writer,
    usage: undefined,
    soFar() {
      const said = text.trimEnd();
      return isText && said !== "" ? said : undefined;
    },
    leg() {
      const begun = legs++ > 0;
      const places = new Map<number, number>();
      /** The block of the attempt before, until this one has a block to go on with it. */
      let joint = begun ? open : undefined;
      let fresh = begun ? withoutRepetition(text) : undefined;

      const close = (): void => {
        if (joint !== undefined) writer.event({ type: "block-end", index: joint });
        joint = open = undefined;
      };
      const place = (index: number): number => {
        const known = places.get(index);
        if (known !== undefined) return known;
        places.set(index, next);
        return next++;
      };
      const say = (index: number, delta: string): void => {
        if (delta === "") return;
        text += delta;
        writer.event({ type: "text-delta", index, delta });
      };
      /** What was kept back in case it was a repetition, and is none. */
      const settle = (): void => {
        if (fresh && open !== undefined) say(open, fresh.end());
        fresh = undefined;
      };

      return (event) => {
        switch (event.type) {
          case "start":
            if (!begun) writer.event(event);
            return;
          case "text-start":
            if (joint === undefined || event.refusal) {
              close();
              open = place(event.index);
              writer.event({ ...event, index: open });
            } else places.set(event.index, joint);
            isText &&= !event.refusal;
            joint = undefined;
            return;
          case "text-delta": {
            const index = place(event.index);
            say(index, fresh ? fresh.next(event.delta) : event.delta);
            if (fresh?.done()) fresh = undefined;
            return;
          }
          case "block-end":
            settle();
            if (places.get(event.index) === open) open = undefined;
            writer.event({ ...event, index: place(event.index) });
            return;
          case "usage":
            writer.event({ type: "usage", usage: totalUsage(thread.usage, event.usage)! });
            return;
          case "finish":
            settle();
            close();
            isText = false;
            writer.event(event);
            return;
          case "error":
            writer.event(event);
            return;
          case "source":
            writer.event(event.index === undefined ? event : { ...event, index: place(event.index) });
            return;
          default:
            // Whatever else it is, a text alone does not stand for it.
            isText = false;
            settle();
            close();
            writer.event("index" in event ? { ...event, index: place(event.index) } : event);
        }
      };
    },
  };
  return thread;
}

interface Fresh {
  /** What of this piece is new. */
  next(delta: string): string;
  /** What was kept back, when nothing more comes. */
  end(): string;
  done(): boolean;
}

/**
 * The beginning of an attempt without what the client has already: the white space that was left off the text, and all
 * of the text, from models that begin with it.
 */
function withoutRepetition(said: string): Fresh {
  const bare = said.trimEnd();
  const space = said.slice(bare.length);
  let kept = "";
  let done = false;
  const withoutSpace = (text: string): string => {
    let at = 0;
    while (at < space.length && text[at] === space[at]) at++;
    return text.slice(at);
  };
  const end = (): string => {
    done = true;
    return withoutSpace(kept);
  };
  return {
    next(delta) {
      kept += delta;
      if (bare.length >= ECHO && kept.startsWith(bare)) {
        kept = kept.slice(bare.length);
        return end();
      }
      const maybe = bare.length >= ECHO && bare.startsWith(kept);
      return maybe || (space.startsWith(kept) && kept.length < space.length) ? "" : end();
    },
    end,
    done: () => done,
  };
}

/** Two counts as one; a number that only one of them states is that one's. */
export function totalUsage(before: Usage | undefined, usage: Usage | undefined): Usage | undefined {
  if (!before || !usage) return usage ?? before;
  const sum: { -readonly [Name in keyof Usage]: Usage[Name] } = {};
  for (const name of ["input", "cacheRead", "cacheWrite", "output", "reasoning"] as const) {
    const counted = before[name] === undefined && usage[name] === undefined;
    if (!counted) sum[name] = (before[name] ?? 0) + (usage[name] ?? 0);
  }
  // The upstream's own words count one attempt only.
  return sum;
}
