/** The tables of the docs that are made from the sources, by the name they have there. */
import { readFileSync } from "node:fs";
import { publicCodes, type PublicCode } from "../src/failure/table.ts";
import { environmentTables } from "./environment.build.ts";
import { commandCodes, publicFixes } from "./error-fixes.ts";

export const tables: { readonly [name: string]: () => string } = {
  "public-codes": () =>
    table(
      ["Code", "Status", "Meaning", "What to do"],
      (Object.keys(publicCodes) as PublicCode[])
        .toSorted((one, other) => publicCodes[one].status - publicCodes[other].status)
        .map((code) => [`\`${code}\``, String(publicCodes[code].status), publicCodes[code].meaning, publicFixes[code]]),
    ),
  "command-codes": () =>
    table(
      ["Code", "Exit", "Meaning", "What to do"],
      Object.entries(commandCodes).map(([code, { exit, meaning, fix }]) => [`\`${code}\``, exit, meaning, fix]),
    ),
  environment: () => environmentTables(table),
  "provider-options": () => membersTable("plugins/openai-compatible/options.ts", ["defaultBaseURL"]),
  "field-rules": () => membersTable("plugins/openai-compatible/fields.ts"),
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** The members of the interface in a file: name, type and what their comment says. */
function membersTable(file: string, leaveOut: readonly string[] = []): string {
  const source = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  const body = /^(?:export interface|> extends) [\s\S]*?^\}/m.exec(source)?.[0] ?? "";
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gm)].map(([, name]) => name);
  const members = [
    ...body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(?:readonly )?(\w+)\??(\(.*\))?: (.*);$/gm),
  ].map(([, comment = "", name = "", parameters, type = ""]) => ({
    name,
    type: (parameters === undefined ? type : `${parameters} => ${type}`).replaceAll(/\b(?:Name|Model)\b/g, "string"),
    meaning: comment.replaceAll(/\s*\n\s*\*\s*/g, " ").trim(),
  }));
  const missed = names.filter((name) => !members.some((member) => member.name === name));
  if (names.length === 0 || missed.length > 0) {
    throw new Error(`${file}: no comment and type in one line could be read for: ${missed.join(", ") || "anything"}.`);
  }
  return table(
    ["Option", "Type", "Meaning"],
    members
      .filter(({ name }) => !leaveOut.includes(name))
      .map(({ name, type, meaning }) => [`\`${name}\``, `\`${type}\``, meaning]),
  );
}
