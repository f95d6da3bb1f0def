/** Report 13: what is saved outlives a power cut, which no test can make; so the order of what is done is looked at. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { writeWhole } from "../../src/accounts/write-file.ts";

afterEach(() => vi.restoreAllMocks());

interface Seen {
  readonly content: string;
  readonly drafts: readonly string[];
}

/** What stands in the folder whenever the disk is waited for. */
async function watched(folder: string, failing = false): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const handle = await open(folder, "r");
  const prototype = Object.getPrototypeOf(handle) as { sync(): Promise<void> };
  await handle.close();
  const { sync } = prototype;
  vi.spyOn(prototype, "sync").mockImplementation(async function (this: unknown) {
    const drafts = readdirSync(folder).filter((name) => name !== "account.json");
    seen.push({
      content: readFileSync(join(folder, "account.json"), "utf8"),
      drafts: drafts.map((name) => readFileSync(join(folder, name), "utf8")),
    });
    if (failing) throw Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
    await sync.call(this);
  });
  return seen;
}

async function folderWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "waygate-write-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "account.json"), text);
  return folder;
}

test("report 13: the new content is on the disk before it takes the old one's place, then the folder is", async () => {
  const folder = await folderWith("old");
  const seen = await watched(folder);
  await writeWhole(join(folder, "account.json"), "new");
  expect(seen).toEqual([
    { content: "old", drafts: ["new"] },
    { content: "new", drafts: [] },
  ]);
});

test("report 13: where the disk fails the old content stays, nothing else is left, and the writer is told", async () => {
  const folder = await folderWith("old");
  await watched(folder, true);
  await expect(writeWhole(join(folder, "account.json"), "new")).rejects.toThrow("the disk is full");
  expect([readFileSync(join(folder, "account.json"), "utf8"), readdirSync(folder)]).toEqual(["old", ["account.json"]]);
});
