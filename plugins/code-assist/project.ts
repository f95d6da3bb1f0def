/**
 * Finds the project that an account's requests are counted on, and its plan; a new account is taken on first. Sources:
 * gemini-cli, `code_assist/setup.ts`; the service's answers to `loadCodeAssist` and `onboardUser`.
 */
import { type Json, type JsonObject, ProxyError } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { type Ask, askService, unusableAccount } from "./ask.ts";
import { ineligible } from "./ineligible.ts";

export interface ControlPlane {
  /** Base addresses up to the version, `https://…/v1internal`, in the order in which they are asked. */
  readonly hosts: readonly string[];
  /** For taking an account on. Default: the same. */
  readonly onboardHosts?: readonly string[];
  /** Who asks, in the body of every call. */
  readonly metadata: JsonObject;
  /** Lower-case names. */
  readonly headers?: { readonly [name: string]: string };
  /** The body that takes an account on. */
  onboarding(tier: string, project: string | undefined): JsonObject;
  /** Where users read what to set: `GEMINI_CLI_PROJECT_ID`. */
  readonly projectVariable: string;
  /** Milliseconds between two looks at whether the account has been taken on. Default 5 s. */
  readonly pause?: number;
  /** How often it is looked at. Default 60. */
  readonly looks?: number;
}

export interface ProjectSearch extends Ask {
  /** What the user has set; the service's own choice goes before it. */
  readonly configured?: string;
  /** A project that has turned out to be of no use. */
  readonly useless?: string;
  /** Waits; rejects when the signal is aborted. */
  pause(ms: number): Promise<void>;
}

export interface Found {
  readonly project: string;
  /** The service's id of the plan. */
  readonly tier: string | undefined;
}

/** Rejects with a `ProxyError` that says what is to be done. No project of somebody else is ever fallen back to. */
export async function findProject(plane: ControlPlane, search: ProjectSearch): Promise<Found> {
  const { useless } = search;
  if (search.configured !== undefined && /^\d+$/.test(search.configured)) {
    throw unusableAccount(
      `The project ${search.configured} is a number; set ${plane.projectVariable} to the project's id, as in my-project-123.`,
    );
  }
  // What has just been refused is not offered again.
  const configured = search.configured === useless ? undefined : search.configured;
  const loaded = await load(plane, { ...search, configured });
  const current = idOf(loaded["currentTier"]);
  const tier = idOf(loaded["paidTier"]) ?? current;
  const own = usable(projectIn(loaded["cloudaicompanionProject"]), useless);
  const link = ineligible(loaded);
  if (current !== undefined) {
    const project = own ?? configured;
    if (project !== undefined) return { project, tier };
    throw link ?? noProject(plane, useless);
  }
  if (link && (link.asksPerson || tiersIn(loaded["allowedTiers"]).length === 0)) throw link;
  const chosen = chosenTier(loaded);
  const project = (await onboard(plane, { ...search, configured }, chosen)) ?? configured ?? own;
  if (project === undefined || project === useless) throw noProject(plane, useless);
  return { project, tier: chosen };
}

async function load(plane: ControlPlane, search: ProjectSearch): Promise<JsonObject> {
  const { configured } = search;
  const known: JsonObject = configured === undefined ? {} : { cloudaicompanionProject: configured };
  const duet: JsonObject = configured === undefined ? {} : { duetProject: configured };
  try {
    return await askService(
      plane.hosts,
      ":loadCodeAssist",
      { ...known, metadata: { ...plane.metadata, ...duet } },
      { ...search, headers: { ...plane.headers, ...search.headers } },
    );
  } catch (error) {
    // Inside a service perimeter this call is refused though the project may be used.
    const refused = ProxyError.is(error) && /"SECURITY_POLICY_VIOLATED"/.test(error.upstream?.body ?? "");
    if (refused && configured !== undefined) {
      return { currentTier: { id: "standard-tier" }, cloudaicompanionProject: configured };
    }
    throw error;
  }
}

/** The plan a new account gets: the one that is marked, else the one of old accounts. */
function chosenTier(loaded: JsonObject): string {
  const tiers = tiersIn(loaded["allowedTiers"]);
  const marked = tiers.find((tier) => tier["isDefault"] === true);
  return idOf(marked) ?? "legacy-tier";
}

async function onboard(plane: ControlPlane, search: ProjectSearch, tier: string): Promise<string | undefined> {
  const hosts = plane.onboardHosts ?? plane.hosts;
  const ask: Ask = { ...search, headers: { ...plane.headers, ...search.headers } };
  // With a project the free plan answers 412, and so it does for one that is null.
  const project = tier === "free-tier" ? undefined : search.configured;
  let operation = await askService(hosts, ":onboardUser", plane.onboarding(tier, project), ask);
  const { pause = 5000, looks = 60 } = plane;
  for (let look = 0; operation["done"] !== true; look++) {
    if (look === looks) {
      throw new ProxyError({
        kind: "timeout",
        scope: "credential",
        message: `Google has not taken the account on within ${(pause * looks) / 1000} s. Try again later.`,
      });
    }
    await search.pause(pause);
    const name = operation["name"];
    operation =
      typeof name === "string" && name !== ""
        ? await askService(hosts, `/${name}`, undefined, ask)
        : await askService(hosts, ":onboardUser", plane.onboarding(tier, project), ask);
  }
  const { response } = operation;
  return isObject(response) ? projectIn(response["cloudaicompanionProject"]) : undefined;
}

function noProject(plane: ControlPlane, useless: string | undefined): ProxyError {
  const why = useless === undefined ? "Google names none for it" : `${useless} may not be used with it`;
  return unusableAccount(
    `The account has no project: ${why}. Set ${plane.projectVariable} to the id of a project of your own in which the Gemini for Google Cloud API is on.`,
  );
}

/** A project of the Cloud Shell is refused by the service that named it. */
function usable(project: string | undefined, useless: string | undefined): string | undefined {
  return project === useless || project === "cloudshell-gca" ? undefined : project;
}

/** A text, or an object with an id. */
function projectIn(value: Json | undefined): string | undefined {
  const id = isObject(value) ? value["id"] : value;
  return typeof id === "string" && id !== "" ? id : undefined;
}

function idOf(tier: Json | undefined): string | undefined {
  const id = isObject(tier) ? tier["id"] : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}

function tiersIn(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((each): each is JsonObject => isObject(each)) : [];
}
