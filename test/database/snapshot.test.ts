import { join } from "node:path";
import { createConsola } from "consola";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Json } from "waygate";
import { openDatabase, type OpenDatabase } from "../../src/database/database.ts";
import type { Answer, Write } from "../../src/database/messages.ts";
import { createSnapshot, type OpenSnapshot, type SnapshotSection } from "../../src/database/snapshot.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { folder, query } from "./_folder.ts";

const ROWS = "SELECT section, key, version, value, until FROM snapshot ORDER BY section, key";

interface Kept extends SnapshotSection {
  readonly entries: Map<string, Json>;
  readonly until: Map<string, number>;
}

function section(version = 1, more: Partial<SnapshotSection> = {}): Kept {
  const entries = new Map<string, Json>();
  const until = new Map<string, number>();
  return {
    version,
    entries,
    until,
    keys: () => entries.keys(),
    save: (key) => (entries.has(key) ? { value: entries.get(key)!, until: until.get(key) } : undefined),
    load: (key, value) => void entries.set(key, value),
    ...more,
  };
}

interface Started {
  readonly snapshot: OpenSnapshot;
  readonly logged: string[];
  readonly clock: ReturnType<typeof virtualClock>;
}

function started(clock = virtualClock()): Started {
  const logged: string[] = [];
  const log = createConsola({ level: 5, reporters: [{ log: ({ args }) => logged.push(args.map(String).join(" ")) }] });
  return { snapshot: createSnapshot({ clock, log }), logged, clock };
}

async function open(path: string, clock = virtualClock()): Promise<OpenDatabase> {
  const database = await openDatabase({
    path,
    clock,
    onProblem: (problem) => expect.fail(problem.what),
    onRecovery: () => undefined,
  });
  let isOpen = true;
  const close = database.close.bind(database);
  onTestFinished(() => (isOpen ? close() : undefined));
  return Object.assign(database, { close: () => ((isOpen = false), close()) });
}

/** A thread that keeps what is written, and refuses where `answers` says so. */
function recording(answers: Answer[] = []): { writes: Write[][]; start: () => { ask: never; end: never } } {
  const writes: Write[][] = [];
  const start = () =>
    ({
      async ask(ask: { type: string; writes?: readonly Write[] }): Promise<Answer> {
        if (ask.type !== "write") return {};
        writes.push([...ask.writes!]);
        return answers.shift() ?? {};
      },
      async end() {},
    }) as never;
  return { writes, start };
}

describe("the snapshot", () => {
  it("gives the next start what this one had, without what was removed and what is over by then", async () => {
    const path = join(folder(), "waygate.db");
    const first = started();
    const parts = [section(), section(3)];
    const changed = [first.snapshot.add("one", parts[0]!), first.snapshot.add("two", parts[1]!)];
    const database = await open(path, first.clock);
    await first.snapshot.restore(database);
    const set = (part: number, key: string, value: Json, until?: number): void => {
      parts[part]!.entries.set(key, value);
      if (until !== undefined) parts[part]!.until.set(key, until);
      changed[part]!(key);
    };
    const now = first.clock.now();
    set(0, "a", { count: 1 });
    set(0, "gone", 1);
    set(1, "long", [1, 2], now + 10_000);
    set(1, "short", [3], now + 500);
    await first.clock.advance(500);
    await database.flush();
    parts[0]!.entries.delete("gone");
    set(0, "a", { count: 2 });
    changed[0]!("gone");
    await database.close();
    expect(query(path, ROWS)).toMatchObject([
      { section: "one", key: "a", version: 1, value: '{"count":2}', until: null },
      { section: "two", key: "long", version: 3, value: "[1,2]", until: now + 10_000 },
    ]);

    const next = started(virtualClock({ start: now + 5000 }));
    const [one, two] = [section(), section(3)];
    next.snapshot.add("one", one);
    next.snapshot.add("two", two);
    await next.snapshot.restore(await open(path));
    expect([...one.entries]).toEqual([["a", { count: 2 }]]);
    expect([...two.entries]).toEqual([["long", [1, 2]]]);
    expect(next.logged).toEqual([]);

    const late = started(virtualClock({ start: now + 10_000 }));
    const empty = section(3);
    late.snapshot.add("two", empty);
    await late.snapshot.restore(await open(path));
    expect(empty.entries.size).toBe(0);
  });

  it("H2 reads a large section page by page and saves it in pieces", async () => {
    const path = join(folder(), "waygate.db");
    const first = started();
    const large = section();
    const changed = first.snapshot.add("large", large);
    const database = await open(path, first.clock);
    await first.snapshot.restore(database);
    for (let index = 0; index < 5001; index++) {
      large.entries.set(`k${index}`, index);
      changed(`k${index}`);
    }
    await database.close();
    const next = started();
    const loaded = section();
    next.snapshot.add("large", loaded);
    const again = await open(path);
    const read = again.read.bind(again);
    const pages: number[] = [];
    await next.snapshot.restore(
      Object.assign(again, {
        async read(...sql: Parameters<typeof read>) {
          const rows = await read(...sql);
          pages.push(rows.length);
          return rows;
        },
      }),
    );
    expect(pages).toEqual([2000, 2000, 1001]);
    expect(loaded.entries.size).toBe(5001);
    expect(loaded.entries.get("k5000")).toBe(5000);
  });

  it("computes a row once, however often it has changed, and at most a thousand in one go", async () => {
    const { snapshot, clock } = started();
    const { writes, start } = recording();
    let computed = 0;
    const part = section(1, { save: (key) => (computed++, { value: key }) });
    const changed = snapshot.add("busy", part);
    const database = await openDatabase({
      path: "/nowhere",
      clock,
      onProblem: () => undefined,
      onRecovery: () => undefined,
      start,
    });
    snapshot.saveTo(database, false);
    for (let time = 0; time < 10; time++) for (let index = 0; index < 2500; index++) changed(`${index}`);
    expect(computed).toBe(0);
    await clock.advance(1000);
    await database.flush();
    expect(computed).toBe(2500);
    expect(writes.map((each) => each[0]!.rows.length)).toEqual([1000, 1000, 500]);
  });

  it("saves again what the disk refused, and all there is when the file is a new one", async () => {
    const { snapshot, clock } = started();
    const full: Answer = { fault: { kind: "disk_full", why: "full" } };
    const { writes, start } = recording([{}, full, {}, { setAside: "/nowhere.corrupt" }]);
    const part = section();
    const changed = snapshot.add("part", part);
    const problems: string[] = [];
    const database = await openDatabase({
      path: "/nowhere",
      clock,
      onProblem: ({ code }) => problems.push(code),
      onRecovery: () => undefined,
      start,
    });
    snapshot.saveTo(database, false);
    const set = (key: string): void => {
      part.entries.set(key, 1);
      changed(key);
    };
    const keys = (): unknown[][] => writes.map((each) => each[0]!.rows.map((row) => row[1]));
    set("a");
    await clock.advance(1000);
    set("b");
    await clock.advance(1000);
    expect(database.trouble?.kind).toBe("disk_full");
    set("c");
    await clock.advance(10_000);
    expect(keys()).toEqual([["a"], ["b"], ["b", "c"]].map((each) => expect.arrayContaining(each) as unknown[]));
    set("d");
    await clock.advance(1000);
    expect(keys().slice(3)).toEqual([["d"], ["d"], ["a", "b", "c", "d"]]);
    expect(problems).toEqual(["database_failed", "database_set_aside"]);
  });

  it("sets rows of another version and broken rows aside, with a warning and without harm to others", async () => {
    const path = join(folder(), "waygate.db");
    const database = await open(path);
    const put = "INSERT INTO snapshot VALUES (?, ?, ?, ?, NULL)";
    database.write(put, "newer", "a", 2, "1");
    database.write(put, "newer", "b", 2, "2");
    database.write(put, "broken", "cut", 1, '{"secret-text');
    database.write(put, "broken", "odd", 1, '"odd"');
    database.write(put, "broken", "good", 1, "1");
    database.write(put, "well", "a", 1, "1");
    database.write(put, "unknown", "a", 1, "1");
    const { snapshot, logged, clock } = started();
    const parts = {
      newer: section(),
      broken: section(1, {
        load: (key, value) => {
          if (value === "odd") throw new Error("has another shape");
          parts.broken.entries.set(key, value);
        },
      }),
      well: section(),
    };
    for (const [name, part] of Object.entries(parts)) snapshot.add(name, part);
    await snapshot.restore(database);
    expect(Object.values(parts).map(({ entries }) => [...entries])).toEqual([[], [["good", 1]], [["a", 1]]]);
    expect(logged).toEqual([
      expect.stringMatching(/^2 rows of "newer" in .* were set aside: they are of version 2, this waygate reads 1$/),
      expect.stringMatching(/^2 rows of "broken" in .* were set aside: their text is not valid JSON$/),
    ]);
    await database.flush();
    const until = clock.now() + 30 * 86_400_000;
    expect(await database.read(ROWS)).toMatchObject([
      { section: "broken", key: "good" },
      { section: "broken (set aside)", key: "cut", until },
      { section: "broken (set aside)", key: "odd", until },
      { section: "newer (set aside)", key: "a", version: 2, value: "1", until },
      { section: "newer (set aside)", key: "b" },
      { section: "unknown", key: "a" },
      { section: "well", key: "a" },
    ]);
  });

  it("a section that cannot say what it has costs only its own rows", async () => {
    const { snapshot, clock, logged } = started();
    const { writes, start } = recording();
    const faulty = snapshot.add("faulty", section(1, { save: () => expect.fail("no") }));
    const well = section();
    const changed = snapshot.add("well", well);
    const database = await openDatabase({
      path: "/nowhere",
      clock,
      onProblem: () => undefined,
      onRecovery: () => undefined,
      start,
    });
    snapshot.saveTo(database, false);
    well.entries.set("a", 1);
    for (let time = 0; time < 2; time++) {
      faulty("x");
      changed("a");
      await clock.advance(1000);
    }
    expect(writes[0]![0]!.rows.map((row) => row.slice(0, 2))).toEqual([["well", "a"]]);
    expect(logged).toEqual([expect.stringContaining('A row of "faulty" could not be saved')]);
  });

  it("hands over to a successor with the same sections, which saves from then on", async () => {
    const clock = virtualClock();
    const [before, after] = [started(clock), started(clock)];
    const parts = [section(), section(), section(2)];
    const changed = before.snapshot.add("same", parts[0]!);
    before.snapshot.add("other", section());
    parts[0]!.entries.set("a", 1);
    after.snapshot.add("same", parts[1]!);
    after.snapshot.add("other", parts[2]!);
    const { writes, start } = recording();
    const database = await openDatabase({
      path: "/nowhere",
      clock,
      onProblem: () => undefined,
      onRecovery: () => undefined,
      start,
    });
    before.snapshot.saveTo(database, false);
    before.snapshot.handOver(after.snapshot);
    after.snapshot.saveTo(database, false);
    before.snapshot.detach();
    expect([...parts[1]!.entries]).toEqual([["a", 1]]);
    expect(parts[2]!.entries.size).toBe(0);
    changed("a");
    await clock.advance(5000);
    expect(writes).toEqual([]);
  });
});
