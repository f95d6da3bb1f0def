/** The four clients: how each is told where its API is, to keep to itself, and which of its tools reads a file. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DeclaredTool, ProtocolId, ToolCall } from "../sdk/wire/types.ts";

/** Where a client runs and what it is to ask. */
export interface Place {
  /** Address of the API, without a version segment. */
  readonly origin: string;
  readonly key: string;
  readonly model: string;
  readonly home: string;
  /** The working folder. */
  readonly folder: string;
  readonly prompt: string;
}

export interface Start {
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}

export interface Client {
  readonly name: string;
  /** File name below `node_modules/.bin`. */
  readonly command: string;
  readonly protocol: ProtocolId;
  /** What the upstream of another protocol is by default. */
  readonly against: ProtocolId;
  /** Writes the settings files and says how to start. */
  prepare(place: Place): Promise<Start>;
  /** Its model. Known to the client, so that it declares the tools it would in earnest. */
  readonly model: string;
  /** Arguments with which one of its tools shows the content of `file`; undefined for its other tools. */
  reads(tool: DeclaredTool, file: string): ToolCall["args"] | undefined;
}

const command = (file: string): string => `cat '${file}'`;

async function write(path: string, content: string | object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
}

/** Claude Code docs, "Environment variables" and "LLM gateway configuration". */
const claudeCode: Client = {
  name: "claude-code",
  model: "claude-sonnet-4-5",
  command: "claude",
  protocol: "anthropic",
  against: "openai-chat",
  prepare: async ({ origin, key, model, home, prompt }) => ({
    args: ["--print", prompt, "--model", model, "--allowedTools", "Read"],
    env: {
      ANTHROPIC_BASE_URL: origin,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CONFIG_DIR: join(home, ".claude"),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_ERROR_REPORTING: "1",
      DISABLE_TELEMETRY: "1",
    },
  }),
  reads: ({ name }, file) => (name === "Read" ? { file_path: file } : undefined),
};

/** Codex docs, "Configuration reference": `model_providers`, `analytics`, `check_for_update_on_startup`. */
const codex: Client = {
  name: "codex",
  model: "gpt-5.5",
  command: "codex",
  protocol: "openai-responses",
  against: "anthropic",
  async prepare({ origin, key, model, home, prompt }) {
    const settings = `model = "${model}"
model_provider = "waygate"
check_for_update_on_startup = false
web_search = "disabled"

[model_providers.waygate]
name = "waygate"
base_url = "${origin}/v1"
env_key = "WAYGATE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false

[feedback]
enabled = false

[features]
apps = false
plugins = false
`;
    await write(join(home, ".codex", "config.toml"), settings);
    // The sandbox needs rights that a container may not give; what runs is the script's own `cat`.
    const args = ["exec", "--skip-git-repo-check", "--ephemeral", "--sandbox", "danger-full-access", prompt];
    return { args, env: { CODEX_HOME: join(home, ".codex"), WAYGATE_KEY: key } };
  },
  reads({ name }, file) {
    if (name === "exec_command") return { cmd: command(file) };
    if (name === "shell_command") return { command: command(file) };
    if (name === "shell") return { command: ["sh", "-c", command(file)] };
    return undefined;
  },
};

/** Newer models of Codex get their tools inside the input, and run all others from one that takes JavaScript. */
const codexCodeMode: Client = {
  ...codex,
  name: "codex-code-mode",
  model: "gpt-6-sol",
  against: "openai-chat",
  reads({ name, free, parameters }, file) {
    if (!/(?:^|\W|_)exec$/.test(name)) return undefined;
    const source = `const run = await tools.exec_command({ cmd: ${JSON.stringify(command(file))} }); text(run.output);`;
    const [field = "input"] = Object.keys(parameters.properties ?? {});
    return free ? source : { [field]: source };
  },
};

/** Gemini CLI docs, "Configuration": settings.json and environment variables. */
const geminiCli: Client = {
  name: "gemini-cli",
  model: "gemini-2.5-pro",
  command: "gemini",
  protocol: "gemini",
  against: "openai-responses",
  async prepare({ origin, key, model, home, prompt }) {
    await write(join(home, ".gemini", "settings.json"), {
      general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
      privacy: { usageStatisticsEnabled: false },
      security: { auth: { selectedType: "gemini-api-key" } },
      telemetry: { enabled: false },
    });
    return {
      args: ["--prompt", prompt, "--model", model, "--approval-mode", "yolo", "--skip-trust"],
      env: { GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: origin, GEMINI_TELEMETRY_ENABLED: "false" },
    };
  },
  reads: ({ name, parameters }, file) =>
    name !== "read_file"
      ? undefined
      : { [parameters.properties && "absolute_path" in parameters.properties ? "absolute_path" : "file_path"]: file },
};

/** OpenCode docs, "Config" and "Providers". */
const opencode: Client = {
  name: "opencode",
  model: "gpt-4.1",
  command: "opencode",
  protocol: "openai-chat",
  against: "gemini",
  async prepare({ origin, key, model, home, prompt }) {
    const settings = join(home, ".config", "opencode");
    await write(join(settings, "opencode.json"), {
      autoupdate: false,
      share: "disabled",
      model: `waygate/${model}`,
      small_model: `waygate/${model}`,
      enabled_providers: ["waygate"],
      permission: { read: "allow" },
      provider: {
        waygate: {
          npm: "@ai-sdk/openai-compatible",
          name: "waygate",
          options: { baseURL: `${origin}/v1`, apiKey: key },
          models: { [model]: { name: model, tool_call: true, limit: { context: 200_000, output: 32_000 } } },
        },
      },
    });
    // It fetches a package for writers of plugins into this folder, and has no switch for that but finding it there.
    await write(join(settings, "node_modules", "@opencode-ai", "plugin", "package.json"), {});
    await write(join(settings, "package-lock.json"), {
      packages: { "": { dependencies: { "@opencode-ai/plugin": "*" } } },
    });
    return {
      args: ["run", "--pure", prompt],
      env: {
        OPENCODE_DISABLE_AUTOUPDATE: "1",
        OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
        OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
        OPENCODE_DISABLE_MODELS_FETCH: "1",
      },
    };
  },
  reads: ({ name }, file) => (name === "read" ? { filePath: file } : undefined),
};

export const clients: readonly Client[] = [claudeCode, codex, codexCodeMode, geminiCli, opencode];
