/** The project of each account: found once, kept with the account, looked for again when it is refused. */
import {
  type AccountContext,
  type AccountFields,
  type App,
  type Credential,
  type MaybePromise,
  ProxyError,
  withError,
} from "waygate";
import { type Account, type AccountHolder, pause } from "waygate/plugins/oauth";
import { learnt, textOf, withLearnt } from "./account.ts";
import { type ControlPlane, findProject, type Found } from "./project.ts";
import { tierOf } from "./tiers.ts";

export interface ProjectsInit {
  readonly plane: ControlPlane;
  readonly holder: Pick<AccountHolder, "save" | "context">;
  /** What the user has set for all accounts. */
  readonly configured: () => string | undefined;
}

export interface Projects {
  /** At once where it is known. Rejects with a `ProxyError` that says what is to be done. */
  of(app: App, credential: Credential<Account>, fields: AccountFields, signal: AbortSignal): MaybePromise<string>;
  /** Another one than that, or the same anew; requests that ask for it at the same time share one search. */
  insteadOf(useless: string, app: App, credential: Credential<Account>, fields: AccountFields): Promise<string>;
}

/** Milliseconds for one search. */
const LIMIT = 120_000;

export function projectsOf({ plane, holder, configured }: ProjectsInit): Projects {
  const searches = new WeakMap<App, Map<string, Promise<string>>>();

  const search = (
    app: App,
    credential: Credential<Account>,
    fields: AccountFields,
    useless: string | undefined,
  ): Promise<string> => {
    let running = searches.get(app);
    if (!running) searches.set(app, (running = new Map()));
    const known = running.get(credential.id);
    if (known) return known;
    // Other requests may wait for it, so it does not end with the one that began it.
    const context = holder.context(app, AbortSignal.timeout(LIMIT));
    const begun = lookFor({ plane, fields, configured: configured(), useless }, context)
      .then(async (found) => {
        await holder.save(app, credential, (current) => withFound(current, found));
        return found.project;
      })
      .catch((error: unknown) => {
        throw ProxyError.is(error) ? forClients(error) : error;
      })
      .finally(() => running.delete(credential.id));
    running.set(credential.id, begun);
    return begun;
  };

  return {
    of(app, credential, fields, signal) {
      const known = learnt(fields, "project_id");
      if (known !== undefined) return known;
      return orAborted(search(app, credential, fields, undefined), signal);
    },
    insteadOf: (useless, app, credential, fields) => search(app, credential, fields, useless),
  };
}

export interface Search {
  readonly plane: ControlPlane;
  readonly fields: AccountFields;
  readonly configured?: string;
  readonly useless?: string;
}

/** Asks for the project of an account with its access token. */
export function lookFor({ plane, fields, configured, useless }: Search, context: AccountContext): Promise<Found> {
  return findProject(plane, {
    fetch: context.fetch,
    signal: context.signal,
    token: textOf(fields, "access_token") ?? "",
    configured,
    useless,
    pause: (ms) => pause(context, ms),
  });
}

/** The fields with what was found. */
export function withFound(fields: AccountFields, { project, tier }: Found): AccountFields {
  return withLearnt(fields, { project_id: project, tier: tier && tierOf(tier).name, tier_full: tier });
}

/** Addresses that an account's owner has to open are for the log and the state of the account. */
function forClients(error: ProxyError): ProxyError {
  const message = error.message.replaceAll(/https:\/\/\S+/g, "(the proxy's log has the address)");
  return message === error.message ? error : withError(error, { message, cause: error.message });
}

function orAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
