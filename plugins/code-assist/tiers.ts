/** The plans of Code Assist accounts, best first. */

export interface Tier {
  /** As files and lists name it. */
  readonly name: "ULTRA" | "PRO" | "FREE" | "UNKNOWN";
  /** Of the account's credential; 1 is best. */
  readonly priority: number;
}

const rows: readonly { readonly ids: readonly string[]; readonly tier: Tier }[] = [
  {
    ids: ["g1-ultra-tier", "gemini-code-assist-ultra", "ultra-tier", "enterprise-tier", "ultra"],
    tier: { name: "ULTRA", priority: 1 },
  },
  {
    ids: ["g1-pro-tier", "gemini-code-assist-pro", "pro-tier", "standard-tier", "pro"],
    tier: { name: "PRO", priority: 2 },
  },
  {
    ids: ["free-tier", "legacy-tier", "g1-free-tier", "gemini-code-assist-free", "free"],
    tier: { name: "FREE", priority: 3 },
  },
];

const unknown: Tier = { name: "UNKNOWN", priority: 10 };

/** By the service's id of a tier, or by the name above. */
export function tierOf(id: string | undefined): Tier {
  const wanted = id?.toLowerCase();
  return rows.find(({ ids }) => wanted !== undefined && ids.includes(wanted))?.tier ?? unknown;
}
