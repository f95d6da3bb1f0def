/** What the commands for accounts work with, on a folder of the test, and a person whose answers are known. */
import { join } from "node:path";
import type { Desk } from "../../src/cli/credentials-desk.ts";
import { type Prompts, Stopped } from "../../src/cli/credentials-prompts.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { AccountKind } from "../../src/accounts/types.ts";
import type { Plugin } from "../../src/plugin/app.ts";
import { type FakeTerminal, fakeTerminal } from "../cli/fake-terminal.ts";
import { storeIn } from "./_kind.ts";

export interface FakeDesk extends Desk {
  readonly terminal: FakeTerminal;
  readonly warnings: string[];
  /** What both streams have shown since it was asked last. */
  shown(): string;
}

export interface FakeDeskInit {
  readonly kinds?: readonly AccountKind[];
  /** Not listed by the config. */
  readonly others?: readonly AccountKind[];
  readonly plugins?: readonly Plugin[];
  readonly json?: boolean;
  readonly columns?: number;
}

export function fakeDesk(
  root: string,
  { kinds = [], others = [], plugins = [], json = false, columns }: FakeDeskInit,
): FakeDesk {
  const terminal = fakeTerminal({ cwd: root, ...(columns !== undefined && { columns }) });
  const all = [...kinds, ...others];
  const warnings: string[] = [];
  const config = { plugins: [{ name: "accounts", accounts: kinds }, ...plugins] };
  return {
    terminal,
    warnings,
    json,
    source: {
      file: join(root, "proxy.config.ts"),
      text: "",
      config,
      warnings: [],
      env: { names: [], count: 0 },
      files: [],
    },
    config: resolveConfig(config).config,
    root,
    store: storeIn(root),
    configured: kinds,
    kinds: async () => all,
    async kind(name) {
      const found = all.find(({ provider }) => provider === name);
      if (found) return found;
      throw new ConfigError([{ code: "wrong_use", path: [], what: "none", why: "", fix: "" }]);
    },
    context: (_kind, signal) => ({ signal, fetch, now: () => Date.now(), warn: (text) => void warnings.push(text) }),
    close: async () => undefined,
    shown: () => [...terminal.stdout.splice(0), ...terminal.stderr.splice(0)].join("\n"),
  };
}

/** Answers in turn; an answer that is `Stopped` stands for Esc. Fails when it is asked for more. */
export function person(
  ...answers: readonly (string | boolean | readonly string[] | typeof Stopped)[]
): Prompts & { asked: string[] } {
  const left = [...answers];
  const asked: string[] = [];
  const answer = async <T>(question: string): Promise<T> => {
    asked.push(question);
    if (left.length === 0) throw new Error(`Nobody expected to be asked: ${question}`);
    const next = left.shift();
    if (next === Stopped) throw new Stopped("Stopped.");
    return next as T;
  };
  return {
    asked,
    choose: (message) => answer(message),
    some: (message) => answer(message),
    text: (message) => answer(message),
    secret: (message) => answer(message),
    confirm: (message) => answer(message),
  };
}
