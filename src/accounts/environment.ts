/** Accounts in variables, as stateless hosts have them: `GEMINI_CLI_1_ACCESS_TOKEN` and so on. */
import { isPlaceholder } from "../candidates/keys.ts";
import { withFieldAt } from "./fields.ts";
import type { AccountFields, AccountKind, AccountVariable, BrokenAccount, StoredAccount } from "./types.ts";

export type Variables = { readonly [name: string]: string | undefined };

export interface AccountsFound {
  readonly accounts: readonly StoredAccount[];
  readonly broken: readonly BrokenAccount[];
}

/** Numbered ones in ascending order; the form without a number counts only when there is no other. */
export function readEnvironment(kind: AccountKind, env: Variables): AccountsFound {
  const numbers = new Set<number>();
  for (const name of Object.keys(env)) {
    const tail = name.startsWith(`${kind.prefix}_`)
      ? /^([1-9]\d{0,8})(_.+)$/.exec(name.slice(kind.prefix.length + 1))
      : null;
    if (tail && kind.variables.some(({ suffix }) => suffix === tail[2])) numbers.add(Number(tail[1]));
  }
  const read = [...numbers]
    .sort((a, b) => a - b)
    .map((number) => readOne(kind, env, { prefix: `${kind.prefix}_${number}`, name: `env-${number}` }));
  const accounts = read.flatMap(({ account }) => account ?? []);
  const broken = read.flatMap((each) => each.broken ?? []);
  if (accounts.length > 0) return { accounts, broken };
  const plain = readOne(kind, env, { prefix: kind.prefix, name: "env-0" });
  return {
    accounts: plain.account ? [plain.account] : [],
    broken: [...broken, ...(plain.broken ? [plain.broken] : [])],
  };
}

function readOne(
  kind: AccountKind,
  env: Variables,
  { prefix, name }: { readonly prefix: string; readonly name: string },
): { readonly account?: StoredAccount; readonly broken?: BrokenAccount } {
  const valueOf = ({ suffix }: AccountVariable): string => env[prefix + suffix]?.trim() ?? "";
  const required = kind.variables.filter((variable) => variable.required);
  const missing = required.filter((variable) => valueOf(variable) === "");
  if (missing.length === required.length) return {};
  const broken = (at: string, why: string, fix: string): { readonly broken: BrokenAccount } => ({
    broken: { provider: kind.provider, path: at, why, fix },
  });
  if (missing.length > 0) {
    const names = missing.map(({ suffix }) => prefix + suffix).join(", ");
    return broken(
      names,
      "Of an account in the environment only a part is set.",
      `Set ${names}, or remove the others of ${prefix}.`,
    );
  }
  const placeholder = required.find((variable) => isPlaceholder(valueOf(variable)));
  if (placeholder !== undefined) {
    const at = prefix + placeholder.suffix;
    return broken(at, "It holds the placeholder of an example.", `Set the variables of ${prefix}, or remove them.`);
  }
  let fields: AccountFields = {};
  for (const variable of kind.variables) {
    const text = valueOf(variable);
    const value = variable.number ? Number(text) : text;
    if (variable.number && !Number.isFinite(value)) {
      return broken(prefix + variable.suffix, "It is no number.", "Correct it, or remove it.");
    }
    // Without a known end the access counts as ended: it is refreshed before it is used.
    if (text === "" && !(variable.number && variable.field === "expiry_date")) continue;
    fields = withFieldAt(fields, variable.field, value);
  }
  const account = { provider: kind.provider, origin: { kind: "environment", prefix } as const, name };
  return { account: { ...account, fields: kind.adopt(fields) ?? fields } };
}
