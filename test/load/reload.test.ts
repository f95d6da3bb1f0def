import { once } from "node:events";
import { rename } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { createReloader } from "../../src/load/reload.ts";
import { type ConfigWatcher, watchConfig } from "../../src/load/watch.ts";
import { type Host, type HostLoaded, makeFolder, startHost } from "./host.ts";

describe("reloading", () => {
  let host: Host;
  beforeAll(() => {
    host = startHost();
  });
  afterAll(() => host.close());

  it("H4 a bad hot reload keeps the old config and says so, the next good one counts", async () => {
    await using folder = await makeFolder({ "proxy.config.ts": `export default { plugins: [{ name: "old" }] };` });
    let current: HostLoaded | undefined;
    const problems: unknown[] = [];
    const reloader = createReloader({
      load: () => host.load({ cwd: folder.path }),
      apply: (loaded) => void (current = loaded),
      onProblem: (error) => problems.push(error),
    });
    await reloader.reload();
    expect(current?.plugins).toEqual(["old"]);

    await folder.write("proxy.config.ts", `export default { plugins: [{ name: "new" }], server: { port: -1 } };`);
    await reloader.reload();
    expect(current?.plugins).toEqual(["old"]);
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    if (!ConfigError.is(problem)) throw problem;
    expect(problem.message).toContain(`${folder.at("proxy.config.ts")}:1:62   server.port`);
    expect(problem.message).toContain("fix  Remove it for the default, 8000");

    await folder.write("proxy.config.ts", `export default { plugins: [{ name: "new" }] };`);
    await reloader.reload();
    expect(current?.plugins).toEqual(["new"]);
    expect(problems).toHaveLength(1);
  });

  it("H4 keeps the old config when the new one cannot be applied, and says so", async () => {
    const problems: unknown[] = [];
    const failure = new Error("setup failed");
    const reloader = createReloader({
      load: () => 1,
      apply: () => Promise.reject(failure),
      onProblem: (error) => problems.push(error),
    });
    await reloader.reload();
    expect(problems).toEqual([failure]);
  });

  it("makes one reload of all that is asked for during a reload", async () => {
    const gates: (() => void)[] = [];
    const applied: number[] = [];
    let version = 0;
    const reloader = createReloader({
      async load() {
        const read = ++version;
        await new Promise<void>((resolve) => gates.push(resolve));
        return read;
      },
      apply: (read) => void applied.push(read),
      onProblem: (error) => {
        throw error;
      },
    });
    const all = [reloader.reload(), reloader.reload(), reloader.reload()];
    gates[0]?.();
    await expect.poll(() => gates.length).toBe(2);
    gates[1]?.();
    await Promise.all(all);
    expect(applied).toEqual([1, 2]);
    const later = reloader.reload();
    await expect.poll(() => gates.length).toBe(3);
    gates[2]?.();
    await later;
    expect(applied).toEqual([1, 2, 3]);
  });
});

describe("watching", () => {
  interface Watching {
    readonly watcher: ConfigWatcher;
    changes(): number;
    next(): Promise<unknown>;
  }

  function watching(files: readonly string[]): Watching {
    const events = new EventTarget();
    let changes = 0;
    const watcher = watchConfig(files, {
      debounce: 20,
      onChange() {
        changes++;
        events.dispatchEvent(new Event("change"));
      },
      onProblem: (error) => {
        throw error;
      },
    });
    return { watcher, changes: () => changes, next: () => once(events, "change") };
  }

  it("tells of a config that is written in place and of one that is replaced", async () => {
    await using folder = await makeFolder({ "proxy.config.ts": "1" });
    const file = folder.at("proxy.config.ts");
    const { watcher, changes, next } = watching([file]);
    try {
      let changed = next();
      await folder.write("proxy.config.ts", "22");
      await changed;
      for (const text of ["333", "4444"]) {
        changed = next();
        await rename(await folder.write("proxy.config.ts.tmp", text), file);
        await changed;
      }
      expect(changes()).toBe(3);
    } finally {
      watcher.close();
    }
  });

  it("tells of a new .env and of local imports, and not of other files", async () => {
    await using folder = await makeFolder({ "proxy.config.ts": "1", "parts/a.ts": "1" });
    const { watcher, changes, next } = watching([folder.at("proxy.config.ts")]);
    try {
      let changed = next();
      await folder.write("unrelated.txt", "1");
      await folder.write("parts/a.ts", "not watched yet");
      await folder.write(".env", "A=1");
      await changed;
      expect(changes()).toBe(1);

      watcher.update([folder.at("proxy.config.ts"), folder.at("parts/a.ts")]);
      changed = next();
      await folder.write("parts/a.ts", "22");
      await changed;
      expect(changes()).toBe(2);
    } finally {
      watcher.close();
    }
  });

  it("reports a folder that cannot be watched", async () => {
    await using folder = await makeFolder();
    const problems: unknown[] = [];
    const options = { onChange: () => {}, onProblem: (error: unknown) => void problems.push(error) };
    const watcher = watchConfig([folder.at("none/proxy.config.ts")], options);
    watcher.close();
    expect(problems).toMatchObject([{ code: "ENOENT" }]);
  });
});
