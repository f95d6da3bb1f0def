/** The flags of `proxy users`, and what help says of them. */
import type { Command } from "./commands.ts";

const options: Command["options"] = {
  ...{ name: { type: "string" }, note: { type: "string" }, kind: { type: "string" }, group: { type: "string" } },
  ...{ models: { type: "string" }, credentials: { type: "string" }, limits: { type: "string" } },
  quota: { type: "string", multiple: true },
  "max-ips": { type: "string" },
  "ban-over-ips": { type: "boolean" },
  ...{ expires: { type: "string" }, lifetime: { type: "string" }, reason: { type: "string" } },
  ...{
    search: { type: "string" },
    state: { type: "string" },
    limit: { type: "string" },
    offset: { type: "string" },
  },
  yes: { type: "boolean" },
};

const about: Command["about"] = {
  "kind KIND": "normal, special (no quotas, limits or queues) or temporary",
  "group ID": "whose budgets are shared; none for no group",
  "models GLOBS": "the only models, with commas; none for all",
  "credentials GLOBS": "the only keys of the proxy, as provider/label; none for all",
  "limits LIMITS": "rpm=60,rpd=1000,tpm=50000,concurrency=2; none for none",
  "quota QUOTA": '[MODELS:]UNIT/PERIOD=AMOUNT, as "claude*:tokens/daily=100000"; =none takes it away; several times',
  "max-ips N": "addresses the token may come from; one too many is refused, or bans with --ban-over-ips",
  "expires TIME": "2026-12-31T00:00:00Z; none for never",
  "lifetime SPAN": "add: of a temporary user, in place of 24h",
  "reason TEXT": "disable: why, for the user to read",
  "search TEXT": "list: in name, id, note and the token's end; also --kind, --group, --state, --limit, --offset",
  yes: "remove: without a question",
};

export const usersCommand: Omit<Command, "load"> = {
  summary: "people with tokens of their own: list, add, edit, budgets, groups",
  usage: "[list|add|show|edit|disable|enable|rotate|remove|quota|refresh|purge|export|import|groups] [USER] [OPTIONS]",
  options,
  about,
  operands: [],
  free: true,
};
