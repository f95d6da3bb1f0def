/** `proxy credentials check [PROVIDER] [NAME]`: asks every provider with every account and key. */
import { expiryOf } from "../accounts/fields.ts";
import type { AccountFacts, AccountFields, AccountKind, StoredAccount } from "../accounts/types.ts";
import { createLog } from "../log.ts";
import { boot } from "./boot.ts";
import { type Probe, probeKeys, probeLines, probeWithin } from "./check-live.ts";
import { type Call, textOf } from "./commands.ts";
import type { Desk } from "./credentials-desk.ts";
import { wantedRows } from "./credentials-list.ts";
import { collectRows, type Row, rowsNamed } from "./credentials-rows.ts";
import { plain } from "./layout.ts";

/** Milliseconds for one account: it may have to be renewed first. */
const LIMIT = 20_000;
/** Milliseconds before its end at which a token is not tried any more. */
const ENDING = 60_000;

export async function checkCredentials(
  desk: Desk,
  { values, operands }: Pick<Call, "values" | "operands">,
): Promise<number> {
  const { terminal, json } = desk;
  const { out, err } = terminal;
  const { rows: all, silence } = await collectRows(desk);
  const state = textOf(values, "state");
  const [provider, name] = operands;
  const some = wantedRows(all, { provider, state: silence === undefined ? state : undefined, act: "check" });
  if (state !== undefined && silence !== undefined) {
    err.line(`${err.style.yellow("!")} No state is known, so all are asked: ${plain(silence)}.`);
  }
  const rows = name === undefined ? some : rowsNamed(some, name);

  const probes = [...(await probeAccounts(desk, rows)), ...(await probeApiKeys(desk, rows))];
  if (json) out.line(JSON.stringify({ checked: probes }, undefined, 2));
  else for (const line of probeLines(probes, out)) out.line(line);
  const failed = probes.filter((probe) => probe.state === "failed").length;
  const end = out.isTerminal ? out : err;
  if (!json)
    end.line(
      probes.length === 0
        ? "There is nothing to check."
        : failed > 0
          ? out.style.red(`${failed} failed`)
          : "No problem found.",
    );
  return failed > 0 ? 1 : 0;
}

/** One after the other for each provider: several logins from one address at once look like an attack. */
async function probeAccounts(desk: Desk, rows: readonly Row[]): Promise<readonly Probe[]> {
  const groups = Map.groupBy(
    rows.filter(({ type }) => type === "account"),
    ({ provider }) => provider,
  );
  const probed = await Promise.all(
    [...groups.values()].map(async (group) => {
      const probes: Probe[] = [];
      for (const row of group) probes.push(await probeAccount(desk, row));
      return probes;
    }),
  );
  return probed.flat();
}

async function probeAccount(desk: Desk, row: Row): Promise<Probe> {
  const { kind, account, broken } = row;
  const key = plain(row.email ?? row.name);
  if (broken !== undefined || kind === undefined || account === undefined) {
    const detail = `${row.place ?? ""}: ${broken?.why ?? ""} ${broken?.fix ?? ""}`.trim();
    return { provider: row.provider, key, state: "failed", detail: detail.replace(/\.$/, ""), ms: 0 };
  }
  return probeWithin({ provider: row.provider, key, limit: LIMIT }, async (signal) => {
    const context = desk.context(kind, signal);
    const { fields } = await fresh(desk, kind, account, signal);
    return factsText(await kind.check(fields, context), row);
  });
}

/** Under the account's lock, and kept: a refresh token may work only once. */
async function fresh(
  desk: Desk,
  kind: AccountKind,
  account: StoredAccount,
  signal: AbortSignal,
): Promise<StoredAccount> {
  const context = desk.context(kind, signal);
  const lasts = (fields: AccountFields): boolean =>
    (expiryOf(kind, fields) ?? Number.POSITIVE_INFINITY) - context.now() > ENDING;
  if (lasts(account.fields)) return account;
  const change = async (current: AccountFields): Promise<AccountFields> =>
    lasts(current) ? current : kind.refresh(current, context);
  return desk.store.update(kind, account, change, { signal });
}

function factsText({ email, tier, project, notes = [] }: AccountFacts, row: Row): string {
  const parts = [
    email === row.email ? undefined : email,
    tier,
    project === undefined ? undefined : `project ${project}`,
    ...notes,
  ];
  return plain(parts.filter((part) => part !== undefined && part !== "").join(", ")) || "answers";
}

async function probeApiKeys(desk: Desk, rows: readonly Row[]): Promise<readonly Probe[]> {
  const ids = new Set(rows.flatMap(({ type, id }) => (type === "key" && id !== undefined ? [id] : [])));
  if (ids.size === 0) return [];
  const proxy = await boot(desk.source, { discover: false, log: createLog("error") });
  try {
    return await probeKeys(proxy, ({ id }) => ids.has(id));
  } finally {
    await proxy.close();
  }
}
