/** Gemini through the accounts of Gemini CLI. */
import type { Plugin, Provider } from "waygate";
import {
  allGuards,
  codeAssist,
  type CodeAssistOptions,
  type CodeAssistService,
  type ControlPlane,
  googleAccount,
  type GoogleAddresses,
  type GuardMaker,
  guardOf,
  type ToolGuardOptions,
  toolSteps,
  userQuota,
} from "waygate/plugins/code-assist";
import type { Account } from "waygate/plugins/oauth";
import { groups, models, renames } from "./models.ts";
import { adaptWith, envelopeWith, type RequestDefaults } from "./request.ts";
import { clientId, installedSecret, missingSecret } from "./secret.ts";

export interface GeminiCliOptions<Name extends string = string, Model extends string = string>
  extends CodeAssistOptions<Name, Model>, GoogleAddresses, RequestDefaults {
  /** Base addresses of the service up to the version; the first that is in order is asked. Default `https://cloudcode-pa.googleapis.com/v1internal`. */
  readonly baseURL?: string | readonly string[];
  /** Default `GEMINI_CLI_CLIENT_ID`, else that of Gemini CLI. */
  readonly clientId?: string;
  /** Default `GEMINI_CLI_CLIENT_SECRET`, else what the account's file holds, else that of the installed Gemini CLI. */
  readonly clientSecret?: string;
  /** Of the callback of a login. Default `GEMINI_CLI_OAUTH_PORT`, else 8085, else any that is free. */
  readonly port?: number;
  /** The project of accounts for which Google names none. Default `GEMINI_CLI_PROJECT_ID`. */
  readonly project?: string;
  /** Where a person without a browser here gets a code to paste. Default: Google's page for that. `false`: the callback's address is pasted whole. */
  readonly pasteRedirect?: string | false;
  /** Measures against calls of tools with parameters they do not have, for Gemini 3. `false`: none. Default: as the options say. */
  readonly toolGuards?: ToolGuardOptions | false;
  /** Milliseconds between two looks at whether Google has taken a new account on. Default 5 s. */
  readonly onboardPause?: number;
}

/** The risk is the user's to take, so it is said where it cannot be missed. */
const risk =
  "Google's terms forbid other programs to use Gemini CLI's sign-in; the whole Google account may be suspended. Since June 2026 Google serves only licences of Code Assist Standard and Enterprise this way. API keys with the gemini provider have neither problem.";

/** Accounts are signed in to with `proxy login gemini_cli`. */
export function geminiCli<const Name extends string = "gemini_cli", const Model extends string = never>(
  options: GeminiCliOptions<Name, Model> = {},
): Plugin<readonly [Provider<NoInfer<Name>, (typeof models)[number] | NoInfer<Model>, Account>]> {
  const { baseURL = "https://cloudcode-pa.googleapis.com/v1internal", port } = options;
  const { pasteRedirect = "https://codeassist.google.com/authcode" } = options;
  const { env } = process;
  // Google's sign-in comes back to any port of this machine; whoever names one means that one.
  const stated = port ?? Number(env["GEMINI_CLI_OAUTH_PORT"] ?? 0);
  const hosts = (typeof baseURL === "string" ? [baseURL] : baseURL).map((url) => url.replace(/\/+$/, ""));
  const metadata = { ideType: "IDE_UNSPECIFIED", platform: "PLATFORM_UNSPECIFIED", pluginType: "GEMINI" };
  const plane: ControlPlane = {
    hosts,
    metadata,
    projectVariable: "GEMINI_CLI_PROJECT_ID",
    pause: options.onboardPause,
    onboarding(tierId, project) {
      // The plans that come with a Google subscription have a project of their own and refuse another.
      const named = project !== undefined && !tierId.startsWith("g1-");
      return {
        tierId,
        ...(named && { cloudaicompanionProject: project }),
        metadata: { ...metadata, ...(project !== undefined && { duetProject: project }) },
      };
    },
  };
  const project = (): string | undefined => options.project ?? (env["GEMINI_CLI_PROJECT_ID"] || undefined);
  const quota: CodeAssistService["quota"] = (ask, account) =>
    userQuota(hosts, { ...ask, headers: { "client-metadata": clientMetadata(metadata) } }, account.project);

  const kind = googleAccount({
    provider: options.name ?? "gemini_cli",
    title: "Gemini CLI",
    risk,
    prefix: "GEMINI_CLI",
    officialFiles: [".gemini/oauth_creds.json"],
    clientId: options.clientId ?? (env["GEMINI_CLI_CLIENT_ID"] || clientId),
    clientSecret: () => secretOf(options),
    foreignClients,
    scopes: ["cloud-platform", "userinfo.email", "userinfo.profile"],
    addresses: options,
    callback: {
      ...(stated ? { port: stated } : { port: 8085, otherPorts: [0] }),
      portVariable: "GEMINI_CLI_OAUTH_PORT",
      paths: ["/oauth2callback"],
    },
    ...(pasteRedirect !== false && { pasteRedirect }),
    plane,
    project,
    quota,
  });

  return codeAssist(
    "gemini_cli",
    {
      kind,
      models,
      hosts,
      plane,
      project,
      groups,
      quota,
      envelope: envelopeWith(options),
      adapt: adaptWith(options),
      headers: () => ({}),
      modelFor: (model) => renames[model] ?? model,
      guards: options.toolGuards === false ? [] : [toolGuard(options.toolGuards)],
    },
    options as CodeAssistOptions,
  ) as Plugin as ReturnType<typeof geminiCli<Name, Model>>;
}

/** Of accounts that belong to `antigravity`. */
const foreignClients = ["1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com"];

function secretOf({ clientSecret }: GeminiCliOptions): string {
  const secret = clientSecret ?? (process.env["GEMINI_CLI_CLIENT_SECRET"] || installedSecret());
  if (secret) return secret;
  throw missingSecret();
}

function clientMetadata(metadata: { readonly [name: string]: string }): string {
  return Object.entries(metadata)
    .map((entry) => entry.join("="))
    .join(",");
}

/** Only the models of generation 3 call tools by what they remember of others. */
function toolGuard(options: ToolGuardOptions = {}): GuardMaker {
  const steps = toolSteps({
    ...allGuards,
    parallel: false,
    repair: false,
    temperature: false,
    ...options,
    key: "parametersJsonSchema",
  });
  return guardOf(({ model }) => (/gemini-3/i.test(model) ? steps : []));
}
