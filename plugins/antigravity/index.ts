/** Gemini, Claude and GPT-OSS through accounts of Google Antigravity. */
import type { Json, JsonObject, Plugin, Provider, Rewriter } from "waygate";
import {
  budgetForLevel,
  chained,
  codeAssist,
  type CodeAssistService,
  googleAccount,
  isBareLimit,
  standForSignatures,
} from "waygate/plugins/code-assist";
import type { Account } from "waygate/plugins/oauth";
import { isObject } from "waygate/plugins/openai-compatible";
import { camelCasedObject } from "waygate/protocols/gemini";
import { adopted, officialFiles } from "./adopt.ts";
import { controlPlane, placesOf, requestHeaders } from "./client.ts";
import { envelopeWith } from "./envelope.ts";
import { failures, unknownModel, verdictOn } from "./failures.ts";
import { toolGuard } from "./guards.ts";
import { mendCalls, verdictOn as verdictOnCall } from "./malformed.ts";
import { withoutStrictness, withoutThinking } from "./mends.ts";
import { factsOf, groups, hidden, modelFor, models } from "./models.ts";
import type { AntigravityOptions } from "./options.ts";
import { refuseOutdated } from "./outdated.ts";
import { whatIsLeft } from "./quota.ts";
import { markSignatures } from "./seals.ts";
import { clientId, installedSecret, missingSecret } from "./secret.ts";
import { shaped } from "./shape.ts";
import { wantedIn } from "./thinking.ts";

export type { AntigravityOptions };

/** The risk is the user's to take, so it is said where it cannot be missed. */
const risk =
  "Antigravity's terms forbid its use with products not made by Google, and Google has suspended accounts for it; a repeated suspension is permanent and may concern the whole Google account. API keys with the gemini and anthropic providers have no such risk.";

/** Accounts are signed in to with `proxy login antigravity`. */
export function antigravity<const Name extends string = "antigravity", const Model extends string = never>(
  options: AntigravityOptions<Name, Model> = {},
): Plugin<readonly [Provider<NoInfer<Name>, (typeof models)[number] | NoInfer<Model>, Account>]> {
  const { env } = process;
  // Whoever names a port means that one.
  const stated = options.port ?? Number(env["ANTIGRAVITY_OAUTH_PORT"] ?? 0);
  const { bareWaits = [3000, 3000], callRetries = 2, callPause = 1000, credits = false } = options;
  const places = placesOf(options);
  const plane = controlPlane(options, places);
  const headers = requestHeaders(options);
  const project = (): string | undefined =>
    options.project ?? (env["ANTIGRAVITY_PROJECT_ID"] || env["GOOGLE_CLOUD_PROJECT"] || undefined);
  /** What the service has said of its models, to whichever account. */
  let renamed: ReadonlyMap<string, string> = new Map();
  let listed: readonly string[] = [];
  let strict = true;
  /** Accounts that may not name their project in a header. */
  const withoutHeader = new Set<string>();

  const look = async (ask: Parameters<NonNullable<CodeAssistService["quota"]>>[0], named: string) => {
    const left = await whatIsLeft(places.quota, { ...ask, headers: { ...headers, ...ask.headers } }, named);
    ({ renamed } = left);
    // Accounts of several plans may have different ones.
    listed = [...new Set([...listed, ...left.models])];
    return left;
  };
  const idOf = (name: string, wanted: ReturnType<typeof wantedIn>): string => modelFor(name, wanted, renamed);

  const kind = googleAccount({
    provider: "antigravity",
    title: "Antigravity",
    risk,
    prefix: "ANTIGRAVITY",
    officialFiles,
    adopt: adopted,
    clientId: options.clientId ?? (env["ANTIGRAVITY_CLIENT_ID"] || clientId),
    clientSecret: () => secretOf(options),
    foreignClients,
    scopes: ["cloud-platform", "userinfo.email", "userinfo.profile", "cclog", "experimentsandconfigs"],
    addresses: options,
    callback: {
      ...(stated ? { port: stated } : { port: 51_121, otherPorts }),
      portVariable: "ANTIGRAVITY_OAUTH_PORT",
      paths: ["/oauthcallback", "/oauth-callback"],
    },
    plane,
    project,
    quota: async (ask, account) => (await look(ask, account.project)).readings,
  });

  return codeAssist<Name, Model>(
    "antigravity" as Name,
    {
      kind,
      models,
      hosts: places.hosts,
      nextHost: (status, text) => status >= 500 || status === 404 || status === 408 || isBareLimit(status, text),
      plane,
      project,
      groups,
      quota: async (ask, account) => (await look(ask, account.project)).readings,
      list: async (ask, account) => (await look(ask, account.project)).models,
      envelope: envelopeWith(credits),
      headers: (model, named, attempt) => ({
        ...headers,
        ...(options.interleaved !== false && /claude/.test(model) && { "anthropic-beta": interleaved }),
        ...(options.userProject && !withoutHeader.has(attempt.credential.id) && { "x-goog-user-project": named }),
      }),
      resend(wire, { credential }) {
        if (wire.headers["x-goog-user-project"] === undefined) return undefined;
        withoutHeader.add(credential.id);
        const { "x-goog-user-project": _, ...rest } = wire.headers;
        return { ...wire, headers: rest };
      },
      modelFor(name, body) {
        const { generationConfig } = camelCasedObject({ generationConfig: generationConfigIn(body.json) });
        const thinking = isObject(generationConfig) ? generationConfig["thinkingConfig"] : undefined;
        return idOf(name, wantedIn(isObject(thinking) ? thinking : {}));
      },
      guards: [
        toolGuard(options, {
          facts: (model) => factsOf(options.renames?.[model] ?? idOf(model, { level: undefined })),
          strict: () => strict,
        }),
        mendCalls,
      ],
      adapt(body, { model, attempt }) {
        const known = [...new Set([...(options.models ?? []), ...models, ...listed])];
        // Only once the service has said what there is.
        if (listed.length > 0 && !known.includes(model) && !hidden.has(model)) throw unknownModel(model, known);
        return shaped(body, model, attempt, {
          instruction: instructionOf(options),
          clampThinking: options.clampThinking ?? false,
        });
      },
      rewrite: (attempt) => answersOf(idOf(attempt.model, { level: undefined })),
      failures,
      mends: [withoutThinking, standForSignatures, budgetForLevel, withoutStrictness(() => (strict = false))],
      waits: {
        capacityWaits: [1000, 2000, 4000, 5000, 5000],
        emptyWaits: options.emptyWaits ?? [3000, 3000, 3000, 3000, 3000],
      },
      fail: (error, attempt) =>
        verdictOnCall(error, attempt, { retries: callRetries, pause: callPause }) ??
        verdictOn(error, attempt, bareWaits),
    },
    { tier: 1, ...options },
  ) as ReturnType<typeof antigravity<Name, Model>>;
}

/** Windows keeps ranges of ports for itself, and the usual one is often in them; any that is free does as well. */
const otherPorts = [51_122, 51_123, 51_124, 51_125, 51_126, 0];

const interleaved = "interleaved-thinking-2025-05-14";

function generationConfigIn(json: JsonObject): Json {
  return json["generationConfig"] ?? json["generation_config"] ?? {};
}

/** Of accounts that belong to `gemini_cli`. */
const foreignClients = ["681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"];

function answersOf(id: string): Rewriter {
  const outdated = refuseOutdated();
  return factsOf(id).family === "claude" ? chained([outdated, markSignatures()]) : outdated;
}

function secretOf({ clientSecret }: AntigravityOptions): string {
  const secret = clientSecret ?? (process.env["ANTIGRAVITY_CLIENT_SECRET"] || installedSecret());
  if (secret) return secret;
  throw missingSecret();
}

const neutral = "What follows are the instructions of the user of this session.";

function instructionOf({ instruction }: AntigravityOptions): string | undefined {
  const wanted = instruction ?? /^(?:1|true|yes|on)$/i.test(process.env["ANTIGRAVITY_PREPEND_INSTRUCTION"] ?? "");
  return wanted === true ? neutral : wanted || undefined;
}
