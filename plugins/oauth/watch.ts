/** Hears of changes in files and folders, on every kind of mount. */
import { statSync } from "node:fs";
import type { Clock, Timer } from "waygate";

export interface WatchInit {
  readonly clock: Clock;
  /** What to look at; may be another list each time. */
  readonly places: () => readonly string[];
  /** Something has changed, or a place is looked at for the first time. Must not reject. */
  readonly changed: () => Promise<void>;
}

/** Milliseconds between two looks. */
const PAUSE = 1000;

/**
 * Looks every second, links followed, because watching folders does not work on every mount. A change is told when it is
 * one second old, so that a file in the middle of being written is left alone. Returns the end of it.
 */
export function watchPlaces({ clock, places, changed }: WatchInit): () => void {
  /** When it was told last, and at the last look. */
  let [told, seen] = [new Map<string, string>(), new Map<string, string>()];
  let timer: Timer | undefined;
  let isOpen = true;

  const look = (): void => {
    const now = new Map(places().map((path) => [path, stateOf(path)]));
    const isNews = [...now].some(([path, state]) => state !== told.get(path) && state === seen.get(path));
    seen = now;
    if (!isNews) {
      plan();
      return;
    }
    told = now;
    void changed().finally(plan);
  };
  const plan = (): void => {
    if (isOpen) timer = clock.timer(look, PAUSE);
  };
  plan();
  return () => {
    isOpen = false;
    timer?.cancel();
  };
}

/** Changes when the content may have. */
function stateOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return `!${error instanceof Error && "code" in error ? String(error.code) : "unknown"}`;
  }
}
