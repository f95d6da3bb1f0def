/** Accounts as variables, for hosts without a disk. */
import { emailOf, fieldAt } from "./fields.ts";
import type { AccountKind, StoredAccount } from "./types.ts";

export interface EnvExport {
  /** `gemini_cli_credential_1.env`. */
  readonly fileName: string;
  /** Holds secrets. */
  readonly text: string;
}

/** `number` is that of the variables: `GEMINI_CLI_1_ACCESS_TOKEN`. `now` is in epoch milliseconds. */
export function exportEnv(kind: AccountKind, account: StoredAccount, number: number, now: number): EnvExport {
  const prefix = `${kind.prefix}_${number}`;
  const lines = kind.variables.flatMap(({ suffix, field }) => {
    const value = fieldAt(account.fields, field);
    const isText = typeof value === "string" ? value !== "" : typeof value === "number" || typeof value === "boolean";
    return isText ? [`${prefix}${suffix}=${envValue(String(value))}`] : [];
  });
  const head = [
    // A line break in it would begin a variable.
    `# ${kind.title} account ${number}: ${(emailOf(account.fields) ?? account.name).replace(/\p{Cc}/gu, " ")}`,
    `# Written by waygate on ${new Date(now).toISOString()}. Holds secrets: keep it to yourself.`,
    "# Put these lines into .env or into the settings of a host without a disk. New tokens stay in memory there.",
  ];
  return { fileName: `${kind.provider}_credential_${number}.env`, text: `${[...head, ...lines].join("\n")}\n` };
}

/** A value as it stands in a file of variables. In quotes only where it must be: not everything that reads such files knows quotes. */
export function envValue(value: string): string {
  if (!/[#'"`\n\r]|^\s|\s$/.test(value)) return value;
  const mark = ["'", '"', "`"].find((each) => !value.includes(each)) ?? '"';
  return `${mark}${mark === '"' ? value.replace(/\r?\n/g, "\\n") : value}${mark}`;
}
