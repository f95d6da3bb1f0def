/** Where a syntax error in JavaScript is: Node tells it only when it prints the error at its end. */
import { execFile } from "node:child_process";
import type { Position } from "../config/problem.ts";

/** Asks a second Node to check the file; `undefined` when it finds nothing wrong or cannot be started. */
export async function syntaxErrorIn(file: string): Promise<Position | undefined> {
  const text = await new Promise<string>((resolve) => {
    const options = { timeout: 5000, env: { ...process.env, NODE_OPTIONS: "" } };
    execFile(process.execPath, ["--check", file], options, (_error, _stdout, stderr) => resolve(stderr));
  });
  const lines = text.split(/\r?\n/);
  const line = /:(\d+)$/.exec(lines[0] ?? "")?.[1];
  if (line === undefined || !text.includes("SyntaxError")) return undefined;
  const caret = lines[2]?.indexOf("^") ?? -1;
  return { line: Number(line), ...(caret === -1 ? {} : { column: caret + 1 }) };
}
