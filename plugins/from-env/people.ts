/** Users, their quotas and the queue they wait in, in the words of the proxies whose variables these are. */
import { queue } from "waygate/plugins/queue";
import { users } from "waygate/plugins/users";
import type { Policy, PolicyInit } from "./policy.ts";
import { type Reader, wrong } from "./reader.ts";

/** What this dialect counts requests per minute by; the first that is set counts. */
const rates = ["RATE_LIMIT_PER_MINUTE", "TEXT_MODEL_RATE_LIMIT", "MODEL_RATE_LIMIT"] as const;
const QUOTA = "TOKEN_QUOTA_";

/** What families of models are called there, where it is no provider's name. */
const families: { readonly [family: string]: string } = {
  TURBO: "*gpt-3.5*",
  GPT4: "*gpt-4*",
  GPT5: "*gpt-5*",
  CLAUDE: "*claude*",
  GEMINI: "*gemini*",
};

/** Users are there where they are asked for by `AUTH_MODE` or `GATEKEEPER`; what says more of them counts only then. */
export function peopleOf(init: PolicyInit): Policy {
  const { reader } = init;
  const maxIps = reader.number("MAX_IPS_PER_USER");
  const banOverIps = reader.flag("MAX_IPS_AUTO_BAN");
  const rate = rates.find((name) => reader.text(name) !== undefined);
  const rpm = rate === undefined ? undefined : reader.number(rate);
  const period = periodOf(reader) ?? "total";
  const tails = reader.tails(QUOTA);
  const quotas = tails.flatMap((tail) => {
    const amount = reader.number(QUOTA + tail)!;
    return amount === 0 ? [] : [{ family: familyOf(tail, init), unit: "tokens" as const, amount }];
  });
  const usual = {
    ...(maxIps !== undefined && maxIps > 0 && { maxIps }),
    ...(banOverIps !== undefined && { banOverIps }),
    ...(rpm !== undefined && rpm > 0 && { limits: { rpm } }),
  };
  const lasting = quotas.map((quota) => ({ ...quota, period }));
  // Who is there for a day is given nothing anew.
  const once = quotas.map((quota) => ({ ...quota, period: "total" }));
  return {
    plugin: users({ defaults: { normal: { ...usual, quotas: lasting }, temporary: { ...usual, quotas: once } } }),
    variables: [...peopleVariables(reader)],
  };
}

/** Those that are set, of those that say something of users only. */
export function peopleVariables(reader: Reader): readonly string[] {
  const fixed = ["MAX_IPS_PER_USER", "MAX_IPS_AUTO_BAN", "QUOTA_REFRESH_PERIOD", ...rates];
  return [
    ...fixed.filter((name) => reader.text(name) !== undefined),
    ...reader.tails(QUOTA).map((tail) => QUOTA + tail),
  ];
}

export function queueOf({ reader }: PolicyInit): Policy | undefined {
  const mode = reader.word("QUEUE_MODE", ["fair", "random", "none"]);
  const perUser = reader.number("USER_CONCURRENCY_LIMIT", 1);
  if (mode === "none" || (mode === undefined && perUser === undefined)) return undefined;
  if (mode === "random") {
    reader.notes.push({
      variables: ["QUEUE_MODE"],
      text: "QUEUE_MODE: nobody is drawn by lot; whoever has waited longest comes first, fair between users.",
    });
  }
  return {
    plugin: queue({ byAddress: true, ...(perUser !== undefined && { perUser }) }),
    variables: ["QUEUE_MODE", "USER_CONCURRENCY_LIMIT"].filter((name) => reader.text(name)),
  };
}

function periodOf(reader: Reader): string | undefined {
  const name = "QUOTA_REFRESH_PERIOD";
  const period = reader.text(name);
  if (period === undefined || /^(?:hourly|daily)$/.test(period) || /^\S+(?: \S+){4,5}$/.test(period)) return period;
  throw wrong(name, "it is hourly, daily or a cron expression", "write one of them, or remove the variable");
}

function familyOf(tail: string, { find }: PolicyInit): string {
  const found = find(tail);
  // One word stands for several providers only where their names begin with it.
  if (found?.rest === "") return found.ids.length === 1 ? `${found.ids[0]}/*` : `${tail.toLowerCase()}*/*`;
  return families[tail] ?? `*${tail.toLowerCase().replaceAll("_", "-")}*`;
}
