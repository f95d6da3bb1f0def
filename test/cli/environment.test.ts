/** A folder with a `.env` as other proxies have it, and nothing else. */
import { expect, describe, onTestFinished, test } from "vitest";
import { answer, createUpstream, models, status, type Upstream } from "waygate/testing";
import { folderWith, run, startServer } from "./spawn.ts";

async function upstreamWith(ids: readonly string[], text: string): Promise<Upstream> {
  const upstream = await createUpstream({ step: answer({ text }) });
  onTestFinished(() => upstream.close());
  upstream.when({ path: "/models" }, models(ids));
  return upstream;
}

/** Far enough for nothing to be renewed. */
const end = String(Date.now() + 86_400_000);
const account = (number: number, name: string): readonly string[] => [
  `GEMINI_CLI_${number}_ACCESS_TOKEN="access-of-${name}"`,
  `GEMINI_CLI_${number}_REFRESH_TOKEN="refresh-of-${name}"`,
  `GEMINI_CLI_${number}_EXPIRY_DATE=${end}`,
  `GEMINI_CLI_${number}_EMAIL=${name}@example.org`,
  `GEMINI_CLI_${number}_PROJECT_ID=project-of-${name}`,
];

/** Nobody outside is reached: the outbound proxy is a port where nothing listens. */
const nowhere = { HTTPS_PROXY: "http://127.0.0.1:9", NO_COLOR: "1", PORT: "0" };

describe("a folder with the .env of another proxy", () => {
  test("is enough: check shows what it describes, and start answers", async () => {
    const openai = await upstreamWith(["gpt-5", "gpt-5-preview"], "from openai");
    const lab = await upstreamWith(["llama", "gpt-5"], "from the lab");
    const cwd = folderWith({
      ".env": [
        'PROXY_API_KEY="a-very-secret-and-unique-client"',
        'OPENAI_API_KEY_1="sk-first-of-two-keys-0001"',
        'OPENAI_API_KEY_2="sk-second-of-two-keys-0002"',
        `OPENAI_API_BASE=${openai.url}`,
        `LAB_API_BASE="${lab.url}"`,
        "LAB_API_KEY=lab-key",
        "PROVIDER_PRIORITY_OPENAI=2",
        "ROTATION_MODE_OPENAI=sequential",
        'QUOTA_GROUPS_OPENAI_ALL="gpt-5,gpt-5-mini"',
        'IGNORE_MODELS_OPENAI="*-preview*"',
        "GLOBAL_TIMEOUT=200",
        "SKIP_OAUTH_INIT_CHECK=true",
        "FIREBASE_URL=https://somewhere.example.org",
        ...account(1, "mia"),
        ...account(2, "max"),
      ].join("\n"),
    });

    const checked = await run(["check", "--json"], { cwd, env: nowhere });
    expect(checked.code).toBe(0);
    const document = JSON.parse(checked.stdout) as {
      readonly plugins: readonly string[];
      readonly stages: { readonly auth: readonly string[] };
      readonly providers: readonly {
        readonly name: string;
        readonly tier: number | null;
        readonly keys: readonly { readonly key: string }[];
      }[];
    };
    expect(document.stages.auth).toEqual(["proxyKey"]);
    expect(document.plugins).toEqual(
      expect.arrayContaining([
        "proxy-key",
        "from-env",
        "gemini_cli",
        "openai",
        "lab",
        "tiers",
        "rotate",
        "concurrency",
        "quota-groups",
        "model-filter",
        "cooldown",
        "echo",
      ]),
    );
    expect(document.providers.map(({ name, keys }) => [name, keys.length])).toEqual([
      ["gemini_cli", 2],
      ["openai", 2],
      ["lab", 1],
      ["echo", 1],
    ]);
    expect(document.providers[0]?.keys.map(({ key }) => key)).toEqual(["mia@example.org", "max@example.org"]);
    expect(document.providers[1]?.tier).toBe(2);
    expect(checked.stderr).toContain("Not used, for the reasons in docs/environment.md: FIREBASE_URL.");
    expect(checked.stderr).toContain("Gemini CLI: ");
    expect(checked.stderr + checked.stdout).not.toMatch(/access-of|refresh-of|of-two-keys/);

    const server = await startServer([], { cwd, env: nowhere });
    const chat = (model: string): Promise<Response> =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
        headers: { authorization: "Bearer a-very-secret-and-unique-client", "content-type": "application/json" },
      });
    const first = await chat("openai/gpt-5");
    expect(await first.text()).toContain("from openai");
    expect(await (await chat("lab/llama")).text()).toContain("from the lab");
    expect((await chat("openai/gpt-5-preview")).status).toBe(403);
    openai.when({ path: "/chat/completions" }, status(429, { error: { message: "slow down" } }));
    const fallback = await chat("openai/gpt-5");
    expect(fallback.headers.get("x-fallback-provider")).toBe("lab");
    expect(await fallback.text()).toContain("from the lab");
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
    expect(server.output()).not.toMatch(/access-of|refresh-of|of-two-keys/);
    expect(await server.stop("SIGTERM")).toBe(0);
  }, 30_000);

  test("is described to configs in every language, whatever the folder's package.json says", async () => {
    const env = "OPENAI_API_KEY=sk-1\nPROXY_API_KEY=client-key\n";
    const lines = `import { fromEnv } from "waygate/plugins/from-env";\nimport { proxyKey } from "waygate/plugins/proxy-key";\nexport default { plugins: [proxyKey(), fromEnv()] };`;
    const commonjs = folderWith({ ".env": env, "package.json": '{"type":"commonjs"}', "proxy.config.ts": lines });
    const data = folderWith({
      ".env": env,
      "proxy.config.yaml": "plugins: [waygate/plugins/proxy-key, waygate/plugins/from-env]",
    });
    for (const cwd of [commonjs, data]) {
      const { code, stdout, stderr } = await run(["check"], { cwd, env: nowhere });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "No problem found.\n" });
      expect(stdout).toMatch(/^call\topenai$/m);
    }
  }, 30_000);

  test("that asks for a key and has none stops the start and says what to do", async () => {
    const cwd = folderWith({ ".env": "AUTH_MODE=proxy_key\nOPENAI_API_KEYS=sk-1,sk-2\n" });
    const { code, stderr } = await run(["start"], { cwd, env: nowhere });
    expect(code).toBe(1);
    expect(stderr).toContain("AUTH_MODE is proxy_key, and there is no key");
    expect(stderr).toContain("set PROXY_API_KEY to what clients are to show");
  });
});
