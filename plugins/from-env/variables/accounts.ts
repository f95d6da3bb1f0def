/** Accounts of providers that somebody signs in to. */
import type { Variable, VariableGroup } from "./row.ts";

const google = ["GEMINI_CLI", "ANTIGRAVITY"] as const;
const kinds = [...google, "QWEN_CODE", "IFLOW"] as const;

const each = (prefixes: readonly string[], suffix: string, rest: Omit<Variable, "name" | "example">): Variable[] =>
  prefixes.map((prefix) => ({ name: prefix + suffix, ...rest }));

/** Of one account, read by number or, where there is no number, without. */
const fields: readonly (readonly [suffix: string, prefixes: readonly string[], becomes: string])[] = [
  ["ACCESS_TOKEN", kinds, "an account, with the refresh token"],
  ["REFRESH_TOKEN", kinds, "the other part of an account"],
  ["API_KEY", ["IFLOW"], "the third part of an account of iFlow; without a number and without tokens a key"],
  ["EXPIRY_DATE", kinds, "when the access ends, in milliseconds; it is renewed at once without"],
  ["EMAIL", kinds, "what the account is called"],
  ["PROJECT_ID", google, "its project, so that none is looked for"],
  ["TIER", google, "its plan, so that it is not asked for"],
  ["TIER_FULL", google, "the service's own word for the plan"],
  ["CLIENT_ID", google, "the client that the account was signed in with"],
  ["CLIENT_SECRET", google, "that client's secret"],
  ["TOKEN_URI", google, "kept with the account"],
  ["UNIVERSE_DOMAIN", google, "kept with the account"],
  ["SCOPE", [...google, "IFLOW"], "kept with the account"],
  ["TOKEN_TYPE", [...google, "IFLOW"], "kept with the account"],
  ["ID_TOKEN", google, "kept with the account"],
  ["RESOURCE_URL", ["QWEN_CODE"], "the address that the account is for"],
];

const readBy = "src/accounts/environment.ts";

export const accounts: VariableGroup = {
  title: "Accounts",
  variables: [
    ...fields.flatMap(([suffix, prefixes, becomes]) =>
      prefixes.flatMap((prefix) => [
        {
          name: `${prefix}_<N>_${suffix}`,
          becomes,
          readBy,
          ...(prefix === "GEMINI_CLI" &&
            suffix.endsWith("_TOKEN") &&
            suffix !== "ID_TOKEN" && { example: `GEMINI_CLI_1_${suffix}=your-token-here` }),
        },
        { name: `${prefix}_${suffix}`, becomes: `${becomes}; counts where no account has a number`, readBy },
      ]),
    ),
    ...each(kinds, "_OAUTH_<N>", {
      becomes: "the file of an account, used where it lies",
      readBy: "src/accounts/places.ts",
    }),
    { name: "QWEN_CODE_API_KEY", becomes: "keys of `qwen_code`", example: "QWEN_CODE_API_KEY=your-key-here" },
    { name: "QWEN_CODE_API_BASE", becomes: "its address", readBy: "plugins/qwen-code/index.ts" },
    { name: "QWEN_CODE_MODELS", becomes: "the models it lists" },
    { name: "IFLOW_API_BASE", becomes: "its address", readBy: "plugins/openai-compatible/compatible.ts" },
    { name: "IFLOW_MODELS", becomes: "the models it lists" },
    {
      name: "GEMINI_CLI_OAUTH_PORT",
      becomes: "the port of the callback of a login; 8085",
      readBy: "plugins/gemini-cli/index.ts",
    },
    { name: "ANTIGRAVITY_OAUTH_PORT", becomes: "the same; 51121", readBy: "plugins/antigravity/index.ts" },
    { name: "IFLOW_OAUTH_PORT", becomes: "the same; 11451", readBy: "plugins/iflow/account.ts" },
    {
      name: "IFLOW_CLIENT_SECRET",
      becomes: "the secret of iFlow's own client, which a login needs",
      readBy: "plugins/iflow/account.ts",
    },
    {
      name: "GOOGLE_CLOUD_PROJECT",
      becomes: "the project of accounts of `antigravity` for which Google names none",
      readBy: "plugins/antigravity/index.ts",
    },
    {
      name: "ANTIGRAVITY_VERSION",
      becomes: "the client's version, when the service refuses the one that ships",
      readBy: "plugins/antigravity/client.ts",
    },
    { name: "ANTIGRAVITY_USER_AGENT", becomes: "the whole header", readBy: "plugins/antigravity/client.ts" },
    {
      name: "OAUTH_REFRESH_INTERVAL",
      becomes: "`refreshInterval` of the providers with accounts, in seconds",
      example: "OAUTH_REFRESH_INTERVAL=600",
    },
    {
      name: "SKIP_OAUTH_INIT_CHECK",
      becomes: "`startCheck: false`: nothing is renewed at the start",
      example: "SKIP_OAUTH_INIT_CHECK=true",
    },
  ],
};
