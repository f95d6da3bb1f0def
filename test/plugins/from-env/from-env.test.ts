import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { concurrency } from "waygate/plugins/concurrency";
import { echo } from "waygate/plugins/echo";
import { fromEnv } from "waygate/plugins/from-env";
import { g4f } from "waygate/plugins/g4f";
import { openai } from "waygate/plugins/openai";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { rotate } from "waygate/plugins/rotate";
import { shippedProviders } from "../../../plugins/from-env/shipped.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import type { PluginInput } from "../../../src/config/types.ts";
import { createLog } from "../../../src/log.ts";
import type { App } from "../../../src/plugin/app.ts";
import { createProxy } from "../../../src/proxy.ts";
import { createTestProxy } from "../../../src/testing/index.ts";
import { envFile, expanded, newFolder, setEnvironment } from "./_folder.ts";

/** What the command line uses where there is no config. */
const usual = () => [proxyKey(), fromEnv(), resilience(), echo()];

async function started(plugins: readonly PluginInput[]): Promise<App> {
  const proxy = createProxy({ plugins, dataDir: newFolder() }, { discover: false, log: createLog("silent") });
  onTestFinished(() => proxy.close());
  return proxy.ready();
}

describe("fromEnv()", () => {
  test("brings nothing where the environment says nothing", () => {
    setEnvironment({});
    expect(expanded(usual())).toMatchObject({ providers: ["echo"], notes: [] });
  });

  test("makes a provider of every key that there is, in all forms of its variable", async () => {
    setEnvironment({ OPENAI_API_KEY_2: "sk-2", OPENAI_API_KEY_7: "sk-7", GROQ_API_KEYS: "a,b", HF_TOKEN: "hf" });
    expect(expanded(usual()).providers).toEqual(["openai", "groq", "huggingface", "echo"]);
    const { credentials } = await started(usual());
    expect(credentials.list("openai")).toHaveLength(2);
    expect(credentials.list("groq")).toHaveLength(2);
  });

  test("knows every provider with keys by each of the names that its plugin knows", () => {
    for (const { id, make, others = [] } of shippedProviders) {
      for (const name of [`${id.toUpperCase()}_API_KEY`, ...others]) {
        setEnvironment({ [name]: "secret-key" });
        const found: string[] = [];
        const credentials = { add: ({ provider }: { provider: string }) => found.push(provider) };
        void make({}).setup?.({ credentials } as never);
        expect([name, ...found, ...expanded([fromEnv()]).providers]).toEqual([name, id, id]);
      }
    }
  });

  test("reads the variables of other proxies, with commas", async () => {
    setEnvironment({ OPENAI_KEY: "sk-1, sk-2", GOOGLE_API_KEYS: "g-1\ng-2" });
    const { credentials } = await started([fromEnv()]);
    expect(credentials.list("openai")).toHaveLength(2);
    expect(credentials.list("gemini")).toHaveLength(2);
  });

  test("makes a provider of an address, without a key where there is none", async () => {
    setEnvironment({
      LAB_API_BASE: "http://127.0.0.1:9/v1",
      GPU_BOX_API_BASE: "http://127.0.0.1:9",
      GPU_BOX_API_KEY: "k1",
      PUTER_API_BASE: "http://127.0.0.1:9/v1",
    });
    const { credentials, providers } = await started([fromEnv()]);
    expect(providers.map(({ name }) => name)).toEqual(["puter", "gpu_box", "lab"]);
    expect(credentials.list("lab").map(({ label }) => label)).toEqual(["anonymous"]);
    expect(credentials.list("puter").map(({ label }) => label)).toEqual(["anonymous"]);
    expect(credentials.list("gpu_box").map(({ label }) => label)).toEqual([undefined]);
  });

  test("takes g4f for wanted when its key is there, even empty", () => {
    setEnvironment({ G4F_API_KEY: "" });
    expect(expanded([fromEnv()]).providers).toEqual(["g4f_main", "g4f_groq", "g4f_grok", "g4f_gemini", "g4f_nvidia"]);
  });

  test("tells unknown keys that stand in .env, by name, and none of the machine's own (report 16)", async () => {
    setEnvironment({ MACHINE_API_KEY: "m", IFLOW_1_API_KEY: "of an account" });
    const folder = await envFile(["ACME_API_KEY=acme-secret", "IFLOW_2_API_KEY=x", "OPENAI_API_KEY=sk-1"]);
    const { notes } = expanded([fromEnv()], folder);
    expect(notes).toEqual([
      "ACME_API_KEY in .env is for no provider that ships. Set ACME_API_BASE to the address of its API, or list its plugin.",
    ]);
  });

  test("tells in one line what of .env is ignored", async () => {
    setEnvironment({});
    const folder = await envFile(["FIREBASE_URL=https://x", "CUSTOM_CAP_OPENAI_T2_GPT=100", "OTHER=1"]);
    expect(expanded([fromEnv()], folder).notes).toEqual([
      "Not used, for the reasons in docs/environment.md: CUSTOM_CAP_OPENAI_T2_GPT, FIREBASE_URL.",
    ]);
  });
});

describe("what the config lists goes before what the environment says", () => {
  test("a provider of the same name", () => {
    setEnvironment({ OPENAI_API_KEY: "sk-env", GROQ_API_KEY: "g" });
    const own = openai({ keys: ["sk-own"] });
    const { plugins } = expanded([fromEnv(), own]);
    expect(plugins.filter(({ name }) => name === "openai")).toEqual([own]);
    expect(plugins.map(({ name }) => name)).toContain("groq");
  });

  test("one of a plugin's several providers keeps the whole plugin out", () => {
    setEnvironment({ G4F_API_KEY: "" });
    expect(expanded([fromEnv(), g4f()]).names.filter((name) => name === "g4f")).toHaveLength(1);
  });

  test("a policy that says something, and the variables are told; one that a preset brings by itself gives way", () => {
    setEnvironment({ OPENAI_API_KEY: "sk", ROTATION_MODE_OPENAI: "sequential" });
    const stated = expanded([fromEnv(), resilience({ rotate: { tolerance: 1 } })]);
    expect(stated.names.filter((name) => name === "rotate")).toHaveLength(1);
    expect(stated.notes).toEqual(["ROTATION_MODE_OPENAI: the config lists its own rotate, which counts instead."]);

    const preset = resilience();
    const { plugins, notes } = expanded([fromEnv(), preset]);
    const rotating = plugins.filter(({ name }) => name === "rotate");
    expect(rotating).toHaveLength(1);
    expect(preset).not.toContain(rotating[0]);
    expect(notes).toEqual([]);
  });

  test("settings, each by itself", () => {
    setEnvironment({ GLOBAL_TIMEOUT: "30", TIMEOUT_CONNECT: "5", MAX_RETRIES: "3", TIMEOUT_READ_STREAMING: "240" });
    expect(expanded([fromEnv()], newFolder(), { retry: { deadline: 1000 } })).toMatchObject({
      retry: { deadline: 1000, attempts: 3 },
      timeouts: { connect: 5000, idle: 240_000, firstToken: 240_000, headers: 240_000 },
    });
  });

  test("a shorter silence shortens no beginning", () => {
    setEnvironment({ TIMEOUT_READ_STREAMING: "60" });
    expect(expanded([fromEnv()]).timeouts).toEqual({ idle: 60_000 });
  });

  test("variables hold for providers of the config too, and those for nobody are told", () => {
    setEnvironment({ IGNORE_MODELS_LAB: "*-old", IGNORE_MODELS_NOBODY: "*", PROVIDER_PRIORITY_LAB: "1" });
    const lab = openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9/v1", keys: ["k"], models: ["m"] });
    const { names, notes } = expanded([fromEnv(), lab]);
    expect(names).toContain("model-filter");
    expect(notes).toEqual([
      "PROVIDER_PRIORITY_LAB: the config lists lab, whose option tier counts.",
      "IGNORE_MODELS_NOBODY names no provider that is there.",
    ]);
  });

  test("the same rule holds without the environment", () => {
    setEnvironment({});
    const own = [rotate({ mode: "random" }), concurrency({ perCredential: 2 })];
    const { plugins, names } = expanded([resilience(), own]);
    expect(names.filter((name) => name === "rotate" || name === "concurrency")).toHaveLength(2);
    expect(plugins).toEqual(expect.arrayContaining(own));
    expect(() => createProxy({ plugins: [rotate(), rotate()] })).toThrow(ConfigError);
  });
});

describe("who may call", () => {
  const isGuarded = async (): Promise<boolean> => {
    await using proxy = await createTestProxy({ plugins: [...usual()] });
    return (await proxy.fetch("/v1/models", { headers: { host: "127.0.0.1" } })).status === 401;
  };

  test.each([
    [{}, false],
    [{ PROXY_API_KEY: "client-key" }, true],
    [{ PROXY_PASSWORD: "client-key" }, true],
    [{ GATEKEEPER: "proxy_key", PROXY_KEY: "client-key" }, true],
    [{ AUTH_MODE: "none", PROXY_PASSWORD: "client-key" }, false],
    [{ AUTH_MODE: "none", PROXY_API_KEY: "client-key" }, true],
  ])("%j", async (variables, guarded) => {
    setEnvironment(variables);
    expect(await isGuarded()).toBe(guarded);
  });

  test.each([
    [{ AUTH_MODE: "proxy_key" }, "AUTH_MODE is proxy_key, and there is no key"],
    [{ AUTH_MODE: "secret" }, "AUTH_MODE cannot be used"],
    [{ PROXY_API_KEY: "change-me" }, "PROXY_API_KEY holds a placeholder"],
    [{ PROXY_PASSWORD: "your-password-here" }, "PROXY_PASSWORD holds a placeholder"],
  ])("stops the start: %j", (variables, what) => {
    setEnvironment(variables);
    expect(() => expanded(usual())).toThrow(what);
  });

  test.each(["AUTH_MODE", "GATEKEEPER"])("%s=user_token brings users(), unless the config lists its own", (name) => {
    setEnvironment({ [name]: "user_token" });
    const own = { name: "users", hooks: { auth: () => undefined } };
    expect(expanded([fromEnv()]).names).toContain("users");
    expect(expanded([own, fromEnv()]).names.filter((each) => each === "users")).toHaveLength(1);
  });

  test("users of the environment may use what its variables say, and nobody else calls", async () => {
    const adminKey = "admin-key-of-this-test";
    setEnvironment({
      AUTH_MODE: "user_token",
      TOKEN_QUOTA_CLAUDE: "500",
      QUOTA_REFRESH_PERIOD: "daily",
      MAX_IPS_PER_USER: "2",
      RATE_LIMIT_PER_MINUTE: "30",
    });
    await using proxy = await createTestProxy({ plugins: [...usual()], adminKey });
    expect((await proxy.fetch("/v1/models")).status).toBe(401);
    expect(proxy.logged.join()).not.toContain("No key is set");
    const made = await proxy.fetch("/api/users", {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Mia" }),
    });
    const { token, ...user } = (await made.json()) as { readonly token: string };
    expect(user).toMatchObject({ max_ips: 2, limits: { rpm: 30 } });
    expect(user).toMatchObject({ quotas: [{ family: "*claude*", unit: "tokens", period: "daily", amount: 500 }] });
    const listed = await proxy.fetch("/v1/models", { headers: { authorization: `Bearer ${token}` } });
    expect(listed.status).toBe(200);
  });

  test("what is about users is told where there are none", () => {
    setEnvironment({ MAX_IPS_PER_USER: "2" });
    expect(expanded([fromEnv()]).notes.join()).toContain("MAX_IPS_PER_USER");
  });
});

describe("accounts", () => {
  const tokens = { GEMINI_CLI_1_ACCESS_TOKEN: "a", GEMINI_CLI_1_REFRESH_TOKEN: "r" };

  test("bring their provider, from variables and from both places of files, and no other", () => {
    setEnvironment(tokens);
    expect(expanded([fromEnv()]).providers).toEqual(["gemini_cli"]);
    setEnvironment({ ANTIGRAVITY_OAUTH_1: "~/account.json" });
    expect(expanded([fromEnv()]).providers).toEqual(["antigravity"]);
    setEnvironment({});
    const root = newFolder();
    expect(expanded([fromEnv()], root).providers).toEqual([]);
    mkdirSync(join(root, "oauth_creds"));
    writeFileSync(join(root, "oauth_creds", "qwen_code_oauth_1.json"), "{}");
    mkdirSync(join(root, "kept", "credentials", "iflow"), { recursive: true });
    writeFileSync(join(root, "kept", "credentials", "iflow", "mia.json"), "{}");
    expect(expanded([fromEnv()], root).providers).toEqual(["qwen_code"]);
    expect(expanded([fromEnv()], root, { dataDir: "kept" }).providers).toEqual(["qwen_code", "iflow"]);
  });

  test("keys are enough where the provider takes both", () => {
    setEnvironment({ QWEN_CODE_API_KEY: "k", IFLOW_API_KEY_1: "k" });
    expect(expanded([fromEnv()]).providers).toEqual(["qwen_code", "iflow"]);
  });

  test("placeholders are no accounts", async () => {
    setEnvironment({ GEMINI_CLI_1_ACCESS_TOKEN: "your-token-here", GEMINI_CLI_1_REFRESH_TOKEN: "your-token-here" });
    expect((await started([fromEnv()])).credentials.list("gemini_cli")).toEqual([]);
  });
});

describe("values that cannot be used stop the start and are not shown", () => {
  test.each([
    ["OPENAI_API_KEY", "YOUR_OPENAI_API_KEY_1"],
    ["PROVIDER_PRIORITY_OPENAI", "eleven"],
    ["PROVIDER_PRIORITY_OPENAI", "1.5"],
    ["ROTATION_MODE_OPENAI", "chaotic"],
    ["MAX_CONCURRENT_REQUESTS_PER_KEY_OPENAI", "many"],
    ["CONCURRENCY_MULTIPLIER_OPENAI_PRIORITY_1", "0"],
    ["OVERRIDE_TEMPERATURE_ZERO", "perhaps"],
    ["GLOBAL_TIMEOUT", "soon"],
    ["OPENAI_MODELS", "[broken"],
    ["OPENAI_MODELS", "[1]"],
    ["OPENAI_MODELS", '{"a":1}'],
  ])("%s=%s", (name, value) => {
    setEnvironment({ OPENAI_API_KEY: "sk-1", [name]: value });
    let thrown: unknown;
    try {
      expanded([fromEnv()]);
    } catch (error) {
      thrown = error;
    }
    expect(ConfigError.is(thrown)).toBe(true);
    const text = JSON.stringify((thrown as ConfigError).problems);
    expect(text).toContain(name);
    expect(text).not.toContain(JSON.stringify(value).slice(1, -1));
  });
});
