/** Puts the clients into `node_modules` here, once. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clients } from "./clients.ts";
import { runProgram } from "./process.ts";

/** The folder with the clients' commands. Installs when one of them is missing; throws when that fails. */
export async function installedClients(): Promise<string> {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const bin = join(folder, "node_modules", ".bin");
  if (clients.every(({ command }) => existsSync(join(bin, command)))) return bin;
  process.stderr.write("Installing the clients (several hundred megabytes, once) …\n");
  const env = { ...process.env } as { [name: string]: string };
  const args = ["install", "--no-audit", "--no-fund", "--no-package-lock"];
  const ran = await runProgram("npm", args, { cwd: folder, env, limit: 600_000 });
  if (ran.code !== 0) throw new Error(`npm install in ${folder} failed:\n${ran.stdout}${ran.stderr}`);
  return bin;
}
