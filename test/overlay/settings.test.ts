import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { PluginInput } from "waygate";
import { cache } from "waygate/plugins/cache";
import { echo } from "waygate/plugins/echo";
import { modelFilter } from "waygate/plugins/model-filter";
import { promptFilter } from "waygate/plugins/prompt-filter";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions, virtualClock } from "waygate/testing";
import type { SettingDocument } from "../../src/overlay/types.ts";
import { folder, query } from "../database/_folder.ts";

const keys = proxyKey({
  keys: [
    { key: "k-mia", label: "mia" },
    { key: "k-adm", label: "adm", admin: true },
  ],
});

function start(
  path: string | false,
  plugins: readonly PluginInput[] = usual(),
  more: Partial<TestProxyOptions> = {},
): Promise<TestProxy> {
  const database = path === false ? false : { path };
  return createTestProxy({ ...more, plugins: [keys, ...plugins, echo()], database, adminKey: "adm-secret" });
}

const usual = (): PluginInput[] => [modelFilter(), promptFilter({ phrases: ["config phrase"], delay: false })];

interface Reply {
  readonly status: number;
  readonly body: SettingDocument & {
    readonly settings: readonly SettingDocument[];
    readonly error: { readonly code: string; readonly message: string; readonly details?: Record<string, unknown> };
  };
}

async function call(
  proxy: TestProxy,
  method: string,
  path: string,
  body?: unknown,
  key = "adm-secret",
): Promise<Reply> {
  const response = await proxy.fetch(`/api/settings${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Reply["body"] };
}

async function says(proxy: TestProxy, content: string, model = "echo/echo"): Promise<number> {
  const headers = { authorization: "Bearer k-mia" };
  const response = await proxy.chat({ model, messages: [{ role: "user", content }] }, { headers });
  await response.text();
  return response.status;
}

const file = (): string => join(folder(), "waygate.db");

describe("/api/settings", () => {
  it("shows what can be edited, what holds and who says so, to administrators only", async () => {
    await using proxy = await start(file());
    const { status, body } = await call(proxy, "GET", "");
    expect([status, body.settings.map(({ name }) => name)]).toEqual([200, ["model-filter", "prompt-filter"]]);
    expect((await call(proxy, "GET", "/prompt-filter")).body).toEqual({
      name: "prompt-filter",
      about: expect.stringContaining("phrases") as string,
      value: null,
      version: 0,
      changed_by: null,
      changed_at: null,
      current: [{ field: "phrases", value: "config phrase", origin: "config" }],
      problem: null,
    });
    expect((await call(proxy, "GET", "", undefined, "k-mia")).status).toBe(403);
    expect((await call(proxy, "PUT", "/prompt-filter", { value: {}, version: 0 }, "k-mia")).status).toBe(403);
    expect((await call(proxy, "GET", "", undefined, "wrong")).status).toBe(401);
    const unknown = await call(proxy, "PUT", "/promt-filter", { value: {}, version: 0 });
    expect([unknown.status, unknown.body.error.message]).toEqual([
      404,
      expect.stringContaining("Nearest: prompt-filter"),
    ]);
  });

  it("an edit holds for the next request, over a restart, and is taken back by DELETE", async () => {
    const path = file();
    {
      await using proxy = await start(path);
      expect(await says(proxy, "run-time phrase")).toBe(200);
      const put = await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["Run-time"] }, version: 0 });
      expect(put).toMatchObject({ status: 200, body: { version: 1, changed_by: "ADMIN_KEY", problem: null } });
      expect(put.body.current).toEqual([
        { field: "phrases", value: "config phrase", origin: "config" },
        { field: "phrases", value: "Run-time", origin: "run-time" },
      ]);
      expect(await says(proxy, "run-time phrase")).toBe(400);
      expect(await says(proxy, "config phrase")).toBe(400);
      const models = await call(
        proxy,
        "PUT",
        "/model-filter",
        { value: { echo: { ignore: ["*"] } }, version: 0 },
        "k-adm",
      );
      expect(models.body.changed_by).toBe("adm");
      expect(await says(proxy, "hello")).toBe(403);
      const list = await proxy.fetch("/v1/models", { headers: { authorization: "Bearer k-mia" } });
      expect(await list.json()).toMatchObject({ data: [] });
    }
    await using proxy = await start(path);
    expect([await says(proxy, "run-time phrase"), await says(proxy, "hello")]).toEqual([400, 403]);
    expect((await call(proxy, "DELETE", "/model-filter?version=1")).body).toMatchObject({ value: null, version: 2 });
    expect((await call(proxy, "DELETE", "/prompt-filter?version=1")).status).toBe(200);
    expect(await says(proxy, "run-time phrase")).toBe(200);
    // What is taken back goes on counting, so that an edit made from before that is found out.
    expect((await call(proxy, "PUT", "/model-filter", { value: {}, version: 1 })).status).toBe(409);
  });

  it("an answer of the cache is refused too, once its prompt is forbidden", async () => {
    await using proxy = await start(file(), [cache({ all: true, shared: true }), promptFilter({ delay: false })]);
    expect([await says(proxy, "hello"), await says(proxy, "hello")]).toEqual([200, 200]);
    await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["hello"] }, version: 0 });
    expect(await says(proxy, "hello")).toBe(400);
  });

  it("of two administrators who edit the same, the second is told and nothing is lost", async () => {
    await using proxy = await start(file());
    const put = (phrases: string[], version: number): Promise<Reply> =>
      call(proxy, "PUT", "/prompt-filter", { value: { phrases }, version });
    const both = await Promise.all([put(["one"], 0), put(["two"], 0)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const { body } = both.find(({ status }) => status === 409)!;
    expect(body.error).toMatchObject({ code: "edit_conflict", details: { version: 1, changed_by: "ADMIN_KEY" } });
    expect((await put(["three"], 1)).body.version).toBe(2);
    expect((await put(["late"], 1)).status).toBe(409);
    expect((await call(proxy, "GET", "/prompt-filter")).body.value).toEqual({ phrases: ["three"] });
  });

  it("every edit is in the audit, with who, when and what", async () => {
    const path = file();
    {
      await using proxy = await start(path);
      await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["it's; DROP TABLE audit"] }, version: 0 });
      await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["refused"] }, version: 7 });
      await call(proxy, "DELETE", "/prompt-filter?version=1");
    }
    const rows = query(path, "SELECT actor, action, subject, detail FROM audit ORDER BY id");
    expect(rows.map((row) => ({ ...row, detail: JSON.parse(String(row["detail"])) as unknown }))).toEqual([
      {
        actor: "ADMIN_KEY",
        action: "setting.change",
        subject: "prompt-filter",
        detail: { version: 1, value: { phrases: ["it's; DROP TABLE audit"] } },
      },
      { actor: "ADMIN_KEY", action: "setting.reset", subject: "prompt-filter", detail: { version: 2, value: null } },
    ]);
  });

  it.each<[string, unknown, string | RegExp]>([
    ["prompt-filter", { value: { patterns: ["("] }, version: 0 }, "missing closing"],
    ["prompt-filter", { value: { patterns: ["(?=x)"] }, version: 0 }, "The pattern (?=x) cannot be used"],
    ["prompt-filter", { value: { phrases: [""] }, version: 0 }, "1 to 1000 characters"],
    ["prompt-filter", { value: { phrases: [7] }, version: 0 }, "and has 7"],
    ["prompt-filter", { value: { phrases: ["x".repeat(1001)] }, version: 0 }, "1 to 1000 characters"],
    ["prompt-filter", { value: { phrase: ["x"] }, version: 0 }, 'and no "phrase"'],
    ["prompt-filter", { value: ["x"], version: 0 }, "must be an object"],
    ["prompt-filter", { value: { phrases: Array.from({ length: 1001 }, () => "x") }, version: 0 }, "1000 are the most"],
    ["prompt-filter", { value: { phrases: ["x"] } }, "must be the version"],
    ["prompt-filter", { value: { phrases: ["x"] }, version: "0" }, "must be the version"],
    ["prompt-filter", { version: 0 }, "DELETE takes all edits back"],
    ["model-filter", { value: { ecko: { allow: [] } }, version: 0 }, 'write "echo"'],
    ["model-filter", { value: { echo: { alow: [] } }, version: 0 }, 'no "alow"'],
    ["model-filter", { value: { echo: "x" }, version: 0 }, "must be an object"],
  ])("refuses for %s what cannot be: %j", async (name, body, why) => {
    await using proxy = await start(file());
    const { status, body: said } = await call(proxy, "PUT", `/${name}`, body);
    expect([status, said.error.message]).toEqual([400, expect.stringContaining(String(why))]);
    expect((await call(proxy, "GET", `/${name}`)).body.version).toBe(0);
  });

  it("the config wins for what it names, also over an edit from before it did", async () => {
    const path = file();
    {
      await using proxy = await start(path, [modelFilter()]);
      await call(proxy, "PUT", "/model-filter", { value: { echo: { ignore: "*" } }, version: 0 });
      expect(await says(proxy, "hello")).toBe(403);
    }
    await using proxy = await start(path, [modelFilter({ echo: { ignore: ["other"] } })]);
    expect(await says(proxy, "hello")).toBe(200);
    expect((await call(proxy, "GET", "/model-filter")).body.current).toEqual([
      { field: "echo", value: { allow: [], ignore: ["other"] }, origin: "config" },
      { field: "echo", value: { allow: [], ignore: ["*"] }, origin: "run-time", overruled: true },
    ]);
    const edit = await call(proxy, "PUT", "/model-filter", { value: { echo: { ignore: ["*"] } }, version: 1 });
    expect([edit.status, edit.body.error.message]).toEqual([400, expect.stringContaining("cannot be edited here")]);
  });

  it("another process on the same database has the edit two seconds later", async () => {
    const path = file();
    const clock = virtualClock();
    await using one = await start(path);
    await using other = await start(path, usual(), { runtime: { clock } });
    await call(one, "PUT", "/prompt-filter", { value: { phrases: ["hello"] }, version: 0 });
    expect(await says(other, "hello")).toBe(200);
    await clock.advance(2000);
    await expect.poll(() => says(other, "hello")).toBe(400);
    expect((await call(other, "GET", "/prompt-filter")).body.version).toBe(1);
  });

  it("what a hand has made of the database is no reason not to start", async () => {
    const path = file();
    await (await start(path)).close();
    const connection = new DatabaseSync(path);
    const insert = connection.prepare("INSERT INTO settings VALUES (?, ?, 'me', 1, 3)");
    insert.run("prompt-filter", '{"phrases": 7}');
    insert.run("model-filter", "{{{");
    insert.run("of-a-plugin-that-left", "{}");
    connection.close();
    await using proxy = await start(path);
    expect(await says(proxy, "hello")).toBe(200);
    const { body } = await call(proxy, "GET", "");
    expect(body.settings).toMatchObject([
      { name: "model-filter", version: 3, value: null },
      { name: "prompt-filter", version: 3, problem: expect.stringContaining("phrases must be a list") as string },
    ]);
    expect(proxy.logged.join("\n")).toContain('The setting "prompt-filter" of me cannot be used here');
    expect((await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["hello"] }, version: 3 })).status).toBe(
      200,
    );
    expect(await says(proxy, "hello")).toBe(400);
  });

  it("without a database nothing can be edited, and the answer says what to do", async () => {
    await using proxy = await start(false);
    expect((await call(proxy, "GET", "")).body.settings).toHaveLength(2);
    const { status, body } = await call(proxy, "PUT", "/prompt-filter", { value: {}, version: 0 });
    expect([status, body.error.code]).toEqual([503, "database_unavailable"]);
    expect(body.error.message).toContain("database: { path:");
  });

  it("while the database is away requests go on with what was edited, and an edit is refused", async () => {
    const path = file();
    await using proxy = await start(path);
    await call(proxy, "PUT", "/prompt-filter", { value: { phrases: ["hello"] }, version: 0 });
    const connection = new DatabaseSync(path);
    connection.exec("DROP TABLE settings");
    connection.close();
    const { status, body } = await call(proxy, "PUT", "/prompt-filter", { value: { phrases: [] }, version: 1 });
    expect([status, body.error.code]).toEqual([503, "database_unavailable"]);
    expect([await says(proxy, "hello"), await says(proxy, "other")]).toEqual([400, 200]);
    expect((await call(proxy, "GET", "/prompt-filter")).body.version).toBe(1);
  });

  it("opens a database by itself only for a plugin that has no rules of its own", async () => {
    const opened = async (plugin: PluginInput): Promise<boolean> => {
      const dataDir = folder();
      await using proxy = await createTestProxy({ plugins: [plugin, echo()], dataDir });
      return proxy.app.database !== undefined;
    };
    expect(await opened(promptFilter())).toBe(true);
    expect(await opened(modelFilter())).toBe(true);
    expect(await opened(promptFilter({ phrases: ["x"] }))).toBe(false);
    expect(await opened(modelFilter({ echo: {} }))).toBe(false);
  });
});
