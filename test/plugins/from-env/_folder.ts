/** A folder with a `.env`, and an environment that holds nothing else of what `fromEnv()` looks at. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { variableGroups } from "../../../plugins/from-env/variables/all.ts";
import { patternOf } from "../../../plugins/from-env/variables/row.ts";
import { expandConfig } from "../../../src/config/expand.ts";
import type { AnyConfig, PluginInput } from "../../../src/config/types.ts";
import { readEnvFile } from "../../../src/load/env-file.ts";
import type { App, Plugin } from "../../../src/plugin/app.ts";
import { flattenPlugins } from "../../../src/plugin/flatten.ts";

const patterns = variableGroups.flatMap(({ variables }) => variables.map(patternOf));

export interface Variables {
  readonly [name: string]: string;
}

/** The developer's own variables are out of sight until the test has ended. */
export function setEnvironment(variables: Variables): void {
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) {
    if (patterns.some((pattern) => pattern.test(name))) vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "waygate-env-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes and reads the file, as the start of a proxy does. */
export async function envFile(lines: readonly string[], folder: string = newFolder()): Promise<string> {
  writeFileSync(join(folder, ".env"), lines.join("\n"));
  const { restore } = await readEnvFile(folder);
  onTestFinished(restore);
  return folder;
}

export interface Expanded {
  readonly plugins: readonly Plugin[];
  readonly names: readonly string[];
  readonly providers: readonly string[];
  readonly retry: object | undefined;
  readonly timeouts: object | undefined;
  readonly server: object | undefined;
  /** What is told at the start. */
  readonly notes: readonly string[];
}

export function expanded(plugins: readonly PluginInput[], root: string = newFolder(), more: object = {}): Expanded {
  const config: AnyConfig = expandConfig({ plugins, ...more }, root);
  const list = flattenPlugins(config.plugins);
  const notes: string[] = [];
  const log = { withTag: () => log, warn: (text: string) => notes.push(text) };
  void list.find(({ name }) => name === "from-env")?.setup?.({ log } as unknown as App);
  return {
    plugins: list,
    names: list.map(({ name }) => name),
    providers: list.flatMap(({ providers = [] }) => providers.map(({ name }) => name)),
    retry: config.retry,
    timeouts: config.timeouts,
    server: config.server,
    notes,
  };
}
