/** Makes the plugin of a provider behind Code Assist from what is said about it. */
import {
  type AccountFields,
  type App,
  type Attempt,
  type Credential,
  definePlugin,
  defineProvider,
  matchesGlob,
  type Plugin,
  type Provider,
  ProxyError,
  type Wire,
} from "waygate";
import { type Account, type AccountHolder, accountHolder, accountOptions } from "waygate/plugins/oauth";
import { learnt, textOf } from "./account.ts";
import { accountUnusable, type Ask } from "./ask.ts";
import { exchangeOver } from "./exchange.ts";
import { budgetForLevel, standForSignatures } from "./mends.ts";
import type { CodeAssistOptions, CodeAssistService } from "./options.ts";
import { projectsOf } from "./projects.ts";
import { quotaWatch } from "./quota.ts";
import { createRequests } from "./requests.ts";
import { tierOf } from "./tiers.ts";
import { verdictsOf } from "./verdicts.ts";

/** `name` is that of the provider unless the user gives it another. */
export function codeAssist<const Name extends string, const Model extends string>(
  usualName: Name,
  service: CodeAssistService,
  options: CodeAssistOptions<Name, Model> = {},
): Plugin<readonly [Provider<Name, Model, Account>]> {
  const name = options.name ?? usualName;
  const holder = accountHolder(service.kind, {
    ...accountOptions(options),
    priority: (fields) => tierOf(learnt(fields, "tier_full") ?? learnt(fields, "tier")).priority,
  });
  const projects = projectsOf({ plane: service.plane, holder, configured: service.project });
  const verdicts = verdictsOf(service.failures, { ...service.waits, ...options.waits });
  const requests = createRequests(service, options);
  const models = [...new Set([...(options.models ?? []), ...service.models])] as readonly string[] as readonly Model[];
  const apps = new Set<App>();

  const watch = quotaWatch({
    provider: name,
    interval: service.quota ? options.quotaInterval : 0,
    async read(app, credential, signal) {
      const fields = fieldsOf(app, credential);
      const project = learnt(fields, "project_id");
      if (project === undefined || !lasts(app, fields)) return undefined;
      return service.quota?.(askWith(holder, app, fields, signal), { project, credential });
    },
  });

  const prepare = (wire: Wire, attempt: Attempt<Account>): Wire | Promise<Wire> => {
    const { app } = attempt.ctx;
    const withFields = (fields: AccountFields): Wire | Promise<Wire> => {
      const project = projects.of(app, attempt.credential, fields, attempt.signal);
      const made = (each: string): Wire => requests.make(wire, attempt, { fields, project: each });
      return typeof project === "string" ? made(project) : project.then(made);
    };
    watch.used(app, attempt.credential.id, attempt.model);
    const fields = holder.fresh(attempt);
    return fields instanceof Promise ? fields.then(withFields) : withFields(fields);
  };

  const call = exchangeOver({
    hosts: service.hosts,
    ...(service.nextHost && { nextHost: service.nextHost }),
    ...(service.resend && { resend: service.resend }),
    mends: service.mends ?? [standForSignatures, budgetForLevel],
    again: (attempt, change) => requests.again(attempt, change),
    refused: verdicts.refused,
    async otherProject(attempt) {
      const before = requests.projectOf(attempt);
      if (before === undefined) return undefined;
      const { app } = attempt.ctx;
      const credential = attempt.credential as Credential<Account>;
      // Another request may have found the right one since.
      const known = learnt(fieldsOf(app, credential), "project_id");
      if (known !== undefined && known !== before) return known;
      try {
        return await projects.insteadOf(before, app, credential, fieldsOf(app, credential));
      } catch (error) {
        // What the service has said of the project in use is the better reason.
        if (ProxyError.is(error) && error.code === accountUnusable) return undefined;
        throw error;
      }
    },
  });

  const provider = defineProvider<Name, Model, Account>({
    name,
    protocol: "gemini",
    models,
    tier: options.tier,
    timeouts: options.timeouts,
    prepare,
    call,
    rewrite: requests.rewrite,
    classify: verdicts.classify,
    refresh: holder.refresh,
    ...(groupOf(options.quotaGroups ?? service.groups) && {
      groupOf: groupOf(options.quotaGroups ?? service.groups),
    }),
    ...(service.quota &&
      options.discover !== false && {
        async discover(credential, signal) {
          const app = [...apps].find((each) => each.credentials.get(credential.id) !== undefined);
          if (!app) return models;
          const fields = await lasting(app, credential, signal);
          const project = await projects.of(app, credential, fields, signal);
          if (service.list) {
            const listed = await service.list(askWith(holder, app, fields, signal), { project });
            return [...new Set([...(options.models ?? []), ...listed])];
          }
          const found = await service.quota!(askWith(holder, app, fields, signal), { project, credential });
          return [...new Set([...models, ...found.map((reading) => reading.model)])];
        },
      }),
  });

  /** The account with a token that lasts. */
  async function lasting(app: App, credential: Credential<Account>, signal: AbortSignal): Promise<AccountFields> {
    const fields = fieldsOf(app, credential);
    if (lasts(app, fields)) return fields;
    signal.throwIfAborted();
    const renewed = await app.credentials.refresh(credential);
    return fieldsOf(app, renewed);
  }

  return definePlugin({
    name,
    accounts: holder.accounts,
    providers: [provider],
    hooks: {
      fail(error, attempt) {
        if (attempt.provider !== provider) return undefined;
        const own = attempt.committed ? undefined : service.fail?.(error, attempt);
        return own ?? verdicts.fail(error, attempt);
      },
    },
    async setup(app) {
      apps.add(app);
      await holder.setup(app);
      const { fallbacks } = options;
      if (!fallbacks) return;
      app.models.addFallback((targets) =>
        targets.flatMap((target) =>
          target.provider !== provider
            ? []
            : (fallbacks[target.model] ?? []).map((model) => ({ ...target, model, fallback: true })),
        ),
      );
    },
    ready(app) {
      holder.ready(app);
      watch.start(app);
    },
    async close(app) {
      apps.delete(app);
      watch.stop(app);
      await holder.close(app);
    },
  });
}

function fieldsOf(app: App, { id, data }: Credential): AccountFields {
  return ((app.credentials.get(id)?.data ?? data) as Account).fields;
}

/** Milliseconds a token must last for a call that is no client's. */
const LEAST = 60_000;

function lasts(app: App, fields: AccountFields): boolean {
  const end = fields["expiry_date"];
  return typeof end !== "number" || end - app.runtime.clock.now() > LEAST;
}

function askWith(holder: AccountHolder, app: App, fields: AccountFields, signal: AbortSignal): Ask {
  return { fetch: holder.context(app, signal).fetch, signal, token: textOf(fields, "access_token") ?? "" };
}

/** The group of a model, by the first globs that fit. */
function groupOf(groups: CodeAssistService["groups"] | false): ((model: string) => string | undefined) | undefined {
  if (!groups) return undefined;
  const tests = Object.entries(groups).map(([group, globs]) => ({ group, has: matchesGlob(globs) }));
  return (model) => tests.find(({ has }) => has(model))?.group;
}
