/** Tells when files of a config have changed. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";

export interface WatchOptions {
  /** Milliseconds of quiet after the last event; editors write in several steps. Default 100. */
  readonly debounce?: number;
  onChange(): void;
  /** A folder that cannot be watched, or no longer. */
  onProblem(error: unknown): void;
}

export interface ConfigWatcher {
  /** Replaces what is watched, after a reload has found other imports. */
  update(files: readonly string[]): void;
  close(): void;
}

/**
 * Watches the config (the first file), the `.env` beside it and its local imports. Folders are watched rather than files
 * and files compared by inode, size and time, because editors replace files and mounted ones are switched by a link.
 */
export function watchConfig(files: readonly string[], options: WatchOptions): ConfigWatcher {
  const { debounce = 100, onChange, onProblem } = options;
  const watchers = new Map<string, FSWatcher>();
  let states = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let waitingSince: number | undefined;

  function compare(): void {
    waitingSince = undefined;
    let changed = false;
    for (const [file, before] of states) {
      const now = stateOf(file);
      // A file in the middle of being replaced comes back with another event.
      if (now === before) continue;
      states.set(file, now);
      changed ||= now !== "absent" || file.endsWith(".env");
    }
    if (changed) onChange();
  }

  function onEvent(): void {
    // A folder that is never quiet, for instance with a log in it, must not put the reload off for ever.
    waitingSince ??= performance.now();
    if (performance.now() - waitingSince > 10 * debounce) return;
    clearTimeout(timer);
    timer = setTimeout(compare, debounce);
  }

  function open(folder: string): void {
    function drop(error: unknown): void {
      watchers.get(folder)?.close();
      watchers.delete(folder);
      onProblem(error);
    }
    try {
      const watcher = watch(folder, { persistent: false }, onEvent);
      watcher.on("error", drop);
      watchers.set(folder, watcher);
    } catch (error) {
      drop(error);
    }
  }

  function update(next: readonly string[]): void {
    const [config] = next;
    const all = config === undefined ? [] : [...next, join(dirname(config), ".env")];
    // What is known of a file stays: it may have changed since it was read, and that must not be missed.
    states = new Map(all.map((file) => [file, states.get(file) ?? stateOf(file)]));
    const folders = new Set(all.map((file) => dirname(file)));
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const folder of folders) if (!watchers.has(folder)) open(folder);
  }

  update(files);
  return {
    update,
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function stateOf(file: string): string {
  const info = statSync(file, { throwIfNoEntry: false, bigint: true });
  return info === undefined ? "absent" : `${info.ino} ${info.size} ${info.mtimeNs}`;
}
