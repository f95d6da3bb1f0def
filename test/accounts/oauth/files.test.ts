import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, storeIn } from "../_kind.ts";
import { account, bench, provider } from "./_holder.ts";

const place = (name: string): string => `.waygate/credentials/${provider}/${name}.json`;
const put = (root: string, name: string, content: object | string): void =>
  writeFileSync(join(root, place(name)), typeof content === "string" ? content : JSON.stringify(content));

describe("accounts whose files change while the proxy runs", () => {
  it("appear, change and vanish with them", async () => {
    const root = folder({ [place("ann")]: account("ann", 600) });
    const { app, credential, token, until, asked } = await bench({ store: storeIn(root) });
    const { id } = credential("ann")!;

    put(root, "bob", account("bob", 600));
    await until(() => credential("bob") !== undefined);
    put(root, "ann", account("ann", 600, 3));
    await until(() => token("ann") === "at-ann-3");
    expect(credential("ann")?.id).toBe(id);
    rmSync(join(root, place("bob")));
    await until(() => credential("bob") === undefined);
    expect(app.credentials.list(provider)).toHaveLength(1);
    expect(asked()).toBe("");
  });

  it("appear where there was no folder yet", async () => {
    const root = folder();
    const { app, credential, until, holder } = await bench({ store: storeIn(root) });
    expect(app.credentials.list(provider)).toEqual([]);
    await storeIn(root).save(holder.accounts[0], account("ann", 600));
    await until(() => credential("ann") !== undefined);
  });

  it("are another account's when somebody else has signed in to that file", async () => {
    const root = folder({ [place("ann")]: account("ann", 600) });
    const { app, credential, until } = await bench({ store: storeIn(root) });
    put(root, "ann", account("bob", 600));
    await until(() => credential("bob") !== undefined);
    expect(app.credentials.list(provider).map(({ label }) => label)).toEqual(["bob@example.com"]);
  });

  it("stay the same when their file gets another name", async () => {
    const root = folder({ [place("ann")]: account("ann", 600) });
    const { app, credential, until, holder } = await bench({ store: storeIn(root) });
    const { id } = credential("ann")!;
    renameSync(join(root, place("ann")), join(root, place("other")));
    put(root, "zoe", account("zoe", 600));
    await until(() => credential("zoe") !== undefined);
    expect(credential("ann")?.id).toBe(id);
    await holder.save(app, credential("ann")!, (fields) => ({ ...fields, project: "p-1" }));
    expect(credential("ann")?.data.fields["project"]).toBe("p-1");
    expect(app.lines.filter((line) => line.includes("in memory only"))).toEqual([]);
  });

  it("stay when their file cannot be read any more, which is told once", async () => {
    const root = folder({ [place("ann")]: account("ann", 600) });
    const { app, credential, token, until } = await bench({ store: storeIn(root) });
    put(root, "ann", '{"access_token":');
    await until(() => app.lines.some((line) => line.includes("only the beginning")));
    put(root, "bob", account("bob", 600));
    await until(() => credential("bob") !== undefined);
    expect(token("ann")).toBe("at-ann-0");
    expect(app.lines.filter((line) => line.includes("only the beginning"))).toHaveLength(1);
    put(root, "ann", account("ann", 600, 1));
    await until(() => token("ann") === "at-ann-1");
  });

  it("are used once where two files hold one account", async () => {
    const root = folder({ [place("ann")]: account("ann", 600), [place("copy")]: account("ann", 300) });
    const { app } = await bench({ store: storeIn(root) });
    expect(app.credentials.list(provider)).toHaveLength(1);
  });

  it("come from the environment alone where they stand there, and are renewed in memory", async () => {
    const root = folder({ [place("ann")]: account("ann", 600) });
    const env = {
      FAKE_CLI_1_ACCESS_TOKEN: "at-env-0",
      FAKE_CLI_1_REFRESH_TOKEN: "rt-env-0",
      FAKE_CLI_1_EMAIL: "env@example.com",
    };
    const { app, token, until } = await bench({ store: storeIn(root, { env }) });
    await until(() => token("env") === "at-env-1");
    expect(app.credentials.list(provider).map(({ label }) => label)).toEqual(["env@example.com"]);
  });
});
