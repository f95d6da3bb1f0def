/** A terminal that keeps what is written. */
import type { Out, Terminal } from "../../src/cli/terminal.ts";

export interface FakeTerminal extends Terminal {
  readonly stdout: string[];
  readonly stderr: string[];
}

export function fakeTerminal(options: { cwd?: string; columns?: number } = {}): FakeTerminal {
  const { cwd = "/", columns } = options;
  const same = (text: string): string => text;
  const openOut = (lines: string[]): Out => ({
    isTerminal: columns !== undefined,
    columns: columns ?? Number.POSITIVE_INFINITY,
    style: { bold: same, dim: same, red: same, green: same, yellow: same, blue: same, cyan: same },
    marks: same,
    line: (text = "") => void lines.push(text),
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  return { out: openOut(stdout), err: openOut(stderr), env: {}, cwd, verbose: false, stdout, stderr };
}
