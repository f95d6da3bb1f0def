/** The data folder: for this user alone, and kept out of version control. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes the folder with mode 0700 where there is none; one that is there keeps its mode. */
export function makeDataFolder(folder: string): void {
  // It will hold secrets, and most projects are under version control.
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) writeFileSync(join(folder, ".gitignore"), "*\n");
}
