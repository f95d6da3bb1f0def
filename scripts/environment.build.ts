/** The table of variables and `.env.example`, from the one list of them. */
import { variableGroups } from "../plugins/from-env/variables/all.ts";
import type { Variable } from "../plugins/from-env/variables/row.ts";

type Table = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

/** One table per group. */
export function environmentTables(table: Table): string {
  return variableGroups
    .map(({ title, variables }) => {
      const rows = variables.map((variable) => [`\`${variable.name}\``, meaningOf(variable)]);
      return `### ${title}\n\n${table(["Variable", "What it becomes"], rows)}`;
    })
    .join("\n\n");
}

function meaningOf({ becomes, ignored }: Variable): string {
  return becomes ?? `*ignored*: ${ignored}`;
}

const head = `# What waygate reads from here: docs/environment.md has every variable.
# Copy this file to .env, take the # away from what you need, and put your own values in.
# Placeholders are refused at the start, so that none of them is ever taken for a key.
`;

/** The very text of `.env.example`. Every line is commented out. */
export function envExample(): string {
  const groups = variableGroups.flatMap(({ title, variables }) => {
    const lines = variables.flatMap(({ example }) => (example === undefined ? [] : [`# ${example}`]));
    return lines.length === 0 ? [] : [`# --- ${title} ---\n${lines.join("\n")}\n`];
  });
  return [head, ...groups].join("\n");
}
