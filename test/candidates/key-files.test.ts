import { mkdtempSync, renameSync, rmSync, symlinkSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keyFile, keySource, type KeyFileWatch, watchKeyFiles } from "../../src/candidates/key-files.ts";
import { type FakeApp, fakeApp } from "../plugins/_fakes.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "waygate-keys-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

let writes = 0;
/** With a time of its own, because a test is faster than the clock of a file system. */
function write(file: string, text: string): void {
  writeFileSync(file, text);
  utimesSync(file, 1, ++writes);
}

interface Watching {
  readonly app: FakeApp;
  readonly watch: KeyFileWatch;
  readonly changes: (readonly string[])[];
}

function watching(...paths: string[]): Watching {
  const app = fakeApp();
  const changes: (readonly string[])[] = [];
  const files = paths.map((path, index) => ({ variable: `LAB_API_KEY_${index + 1}_FILE`, path }));
  return { app, changes, watch: watchKeyFiles(files, app, (keys) => changes.push(keys)) };
}

test("files are named by the forms of the key variables with _FILE, in the order of the keys", () => {
  const env = {
    LAB_X_API_KEY_10_FILE: "/ten",
    LAB_X_API_KEYS_FILE: "/all",
    LAB_X_API_KEY_FILE: " /one ",
    LAB_X_API_KEY_2_FILE: "/two",
    LAB_X_API_KEYS_2_FILE: "/many",
    LAB_X_API_KEY_3_FILE: "",
    LAB_X_API_KEYFILE: "/no",
    LAB_API_KEY_FILE: "/other",
    LAB_X_API_KEY: "plain",
  };
  const { keys, files } = keySource("lab-x", env);
  expect(keys).toEqual(["plain"]);
  expect(files.map(({ path }) => path)).toEqual(["/one", "/all", "/two", "/many", "/ten"]);
  expect(files[0]).toEqual({ variable: "LAB_X_API_KEY_FILE", path: "/one" });
  expect(keyFile("NOT_SET", env)).toEqual([]);
});

test("a file holds one key per line or several with commas; notes, blank parts and repeated keys do not count", () => {
  const path = join(folder(), "keys");
  write(path, "\uFEFFone\r\n# a note, with a comma\n two , three,\n\none\n");
  expect(watching(path).watch.keys()).toEqual(["one", "two", "three"]);
});

test("a change is read once it has been left alone for a second, not in the middle of being written (report 61)", async () => {
  const path = join(folder(), "keys");
  write(path, "one");
  const { app, changes } = watching(path);
  await app.clock.advance(5000);
  expect(changes).toEqual([]);
  write(path, "one\ntw");
  await app.clock.advance(1000);
  write(path, "one\ntwo");
  await app.clock.advance(1000);
  expect(changes).toEqual([]);
  await app.clock.advance(1000);
  expect(changes).toEqual([["one", "two"]]);
  await app.clock.advance(5000);
  expect(changes).toHaveLength(1);
});

test("a secret that is switched by a link, as Kubernetes does, is read again", async () => {
  const root = folder();
  for (const [name, key] of [
    ["v1", "old"],
    ["v2", "new"],
  ] as const) {
    mkdirSync(join(root, name));
    write(join(root, name, "keys"), key);
  }
  symlinkSync("v1", join(root, "..data"));
  symlinkSync("..data/keys", join(root, "keys"));
  const { app, watch, changes } = watching(join(root, "keys"));
  expect(watch.keys()).toEqual(["old"]);
  symlinkSync("v2", join(root, "..data_tmp"));
  renameSync(join(root, "..data_tmp"), join(root, "..data"));
  await app.clock.advance(2000);
  expect(changes).toEqual([["new"]]);
});

test("a file that is not there is told once with its variable, and read when it comes", async () => {
  const path = join(folder(), "keys");
  const { app, watch, changes } = watching(path);
  expect(watch.keys()).toEqual([]);
  await app.clock.advance(5000);
  expect(app.lines).toEqual([`LAB_API_KEY_1_FILE: ${path} is not there. It is looked at again every second.`]);
  write(path, "late");
  await app.clock.advance(2000);
  expect(changes).toEqual([["late"]]);
  rmSync(path);
  await app.clock.advance(2000);
  expect(changes.at(-1)).toEqual([]);
  expect(app.lines.slice(1)).toEqual([
    `LAB_API_KEY_1_FILE: ${path} was read again: 1 key.`,
    expect.stringContaining("is not there"),
  ]);
});

test("the keys of a file that cannot be read any more stay, and those of other files in any case", async () => {
  const root = folder();
  const [one, two] = [join(root, "one"), join(root, "two")];
  write(one, "a");
  write(two, "b");
  const { app, watch } = watching(one, two);
  rmSync(one);
  mkdirSync(one);
  write(two, "c");
  await app.clock.advance(2000);
  expect(watch.keys()).toEqual(["a", "c"]);
  expect(app.lines).toContainEqual(
    expect.stringContaining(`LAB_API_KEY_1_FILE: ${one} cannot be read (it is no file).`),
  );
  rmSync(one, { recursive: true });
  write(one, "x".repeat(2 ** 20 + 1));
  await app.clock.advance(2000);
  expect(watch.keys()).toEqual(["a", "c"]);
  expect(app.lines.at(-1)).toContain("it is too large");
});

test("what cannot be a key is left out and told by its place, never by what it says (report 53)", () => {
  const path = join(folder(), "keys");
  write(path, "good\nsecret with space\n<your key>\n");
  const { app, watch } = watching(path);
  expect(watch.keys()).toEqual(["good"]);
  expect(app.lines).toHaveLength(2);
  expect(app.lines.join()).toContain(`${path}:2`);
  expect(app.lines.join()).toContain(`${path}:3 holds a placeholder`);
  expect(app.lines.join()).not.toContain("secret with");
});

test("an empty file is told; after the end nobody looks any more", async () => {
  const path = join(folder(), "keys");
  write(path, "\n");
  const { app, watch, changes } = watching(path);
  expect(app.lines).toEqual([expect.stringContaining("holds no key.")]);
  watch.close();
  write(path, "one");
  await app.clock.advance(5000);
  expect(changes).toEqual([]);
  expect(app.clock.pending).toBe(0);
});
