/** Which project an account has, which plan, how much is left: the service beside its models. */
import type { Flavor } from "./flavors.ts";
import { type Answer, failure, type Fields, info, isFields, json } from "./types.ts";

export type LoadMode =
  | "onboarded"
  | "new"
  | "ineligible"
  | "unsupported"
  | "validation"
  | "object"
  | "no-project"
  | "perimeter";

export interface ControlFake {
  mode: LoadMode;
  /** What it names as the account's. */
  project: string;
  /** The plan of a new account. */
  defaultTier: string;
  paidTier: string | undefined;
  /** Looks at an operation before it is done. */
  pending: number;
  /** What is left, by model. */
  readonly quota: Map<string, { readonly left?: number; readonly resetTime?: string }>;
  handle(method: string, body: Fields): Answer | undefined;
  operation(name: string): Answer;
}

const tiers = (id: string): readonly Fields[] => [
  { id, name: id, isDefault: true },
  { id: "standard-tier", name: "Gemini Code Assist", userDefinedCloudaicompanionProject: true },
];

export function createControl({ metadata }: Pick<Flavor, "metadata">): ControlFake {
  const operations = new Map<string, { looks: number }>();

  const load = (body: Fields): Answer => {
    if (!says(body["metadata"], metadata)) return failure(400, "INVALID_ARGUMENT", "metadata is not this client's");
    if (fake.mode === "perimeter") {
      return failure(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy.", [
        info("SECURITY_POLICY_VIOLATED"),
      ]);
    }
    const allowedTiers = tiers(fake.defaultTier);
    if (fake.mode === "new") return json(200, { allowedTiers });
    const ineligible = ineligibleTiers[fake.mode];
    if (ineligible) return json(200, { ineligibleTiers: [ineligible], allowedTiers: [] });
    const named = fake.mode === "object" ? { id: fake.project } : fake.project;
    return json(200, {
      currentTier: { id: fake.defaultTier, name: "Gemini Code Assist" },
      ...(fake.paidTier !== undefined && { paidTier: { id: fake.paidTier, name: fake.paidTier } }),
      allowedTiers,
      ...(fake.mode !== "no-project" && { cloudaicompanionProject: named }),
      gcpManaged: false,
    });
  };

  const onboard = (body: Fields): Answer => {
    const tier = body["tierId"] ?? body["tier_id"];
    if (!says(body["metadata"], metadata)) return failure(400, "INVALID_ARGUMENT", "metadata is not this client's");
    if (tier !== fake.defaultTier && tier !== "standard-tier") return failure(400, "INVALID_ARGUMENT", "unknown tier");
    if (tier === "free-tier" && Object.hasOwn(body, "cloudaicompanionProject")) {
      return failure(412, "FAILED_PRECONDITION", "Precondition Failed");
    }
    if (String(tier).startsWith("g1-") && body["cloudaicompanionProject"] !== undefined) {
      return failure(400, "INVALID_ARGUMENT", "Request contains an invalid argument.");
    }
    const name = `operations/onboard-${operations.size + 1}`;
    operations.set(name, { looks: 0 });
    return fake.operation(name);
  };

  const fake: ControlFake = {
    mode: "onboarded",
    project: "fancy-words-0a1b2",
    defaultTier: "free-tier",
    paidTier: undefined,
    pending: 1,
    quota: new Map(),
    handle(method, body) {
      if (method === "loadCodeAssist") return load(body);
      if (method === "onboardUser") return onboard(body);
      if (method !== "retrieveUserQuota") return undefined;
      if (typeof body["project"] !== "string") return failure(400, "INVALID_ARGUMENT", "project is required");
      const buckets = [...fake.quota].map(([modelId, { left, resetTime }]) => ({
        modelId,
        ...(left !== undefined && left > 0 && { remainingFraction: left }),
        ...(resetTime !== undefined && { resetTime }),
        tokenType: "REQUESTS",
      }));
      return json(200, { buckets });
    },
    operation(name) {
      const running = operations.get(name);
      if (!running) return failure(404, "NOT_FOUND", "Operation not found.");
      if (running.looks++ < fake.pending) return json(200, { name, done: false });
      // From now on the account is one that the service knows.
      if (fake.mode === "new") fake.mode = "onboarded";
      const project = { id: fake.project, name: fake.project, projectNumber: "123456789012" };
      return json(200, { name, done: true, response: { cloudaicompanionProject: project } });
    },
  };
  return fake;
}

/** Names may be spelt with underscores. */
function says(metadata: unknown, wanted: Fields): boolean {
  if (!isFields(metadata)) return false;
  const plain = Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name.replaceAll("_", "").toLowerCase(), value]),
  );
  return Object.entries(wanted).every(([name, value]) => plain[name.toLowerCase()] === value);
}

const ineligibleTiers: { readonly [Mode in LoadMode]?: Fields } = {
  unsupported: {
    reasonCode: "UNSUPPORTED_CLIENT",
    reasonMessage: "This client is no longer supported for Gemini Code Assist for individuals.",
    tierId: "free-tier",
    tierName: "free",
  },
  ineligible: { reasonCode: "RESTRICTED_AGE", reasonMessage: "Age.", tierId: "free-tier", tierName: "free" },
  validation: {
    reasonCode: "VALIDATION_REQUIRED",
    reasonMessage: "Verify your account.",
    validationErrorMessage: "Verify your account to continue.",
    validationUrl: "https://accounts.google.com/signin/continue?plt=2",
    tierId: "free-tier",
    tierName: "free",
  },
};
