import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { takeLock } from "../../src/accounts/lock.ts";
import type { AccountFields } from "../../src/accounts/types.ts";
import type { ChildOrder } from "./_child.ts";
import { fakeKind, fieldsOf, folder, storeIn } from "./_kind.ts";

type Message = { readonly [name: string]: unknown };

/** Resolves when the process waits for its order. */
async function child(): Promise<{ readonly process: ChildProcess; next(): Promise<Message>; gone: Promise<void> }> {
  const started = fork(fileURLToPath(new URL("_child.ts", import.meta.url)), { execArgv: [] });
  const gone = new Promise<void>((resolve) => started.once("exit", () => resolve()));
  onTestFinished(async () => {
    started.kill("SIGKILL");
    await gone;
  });
  const next = (): Promise<Message> =>
    new Promise((resolve, reject) => {
      started.once("message", (message) => resolve(message as Message));
      void gone.then(() => reject(new Error("the process has ended")));
    });
  await next();
  return { process: started, next, gone };
}

const accountFile = ".waygate/credentials/fake_cli/mia.json";

/** A token endpoint whose refresh tokens work once. */
async function tokenEndpoint(): Promise<{ readonly url: string; readonly used: string[]; expiresIn: number }> {
  const state = { url: "", used: [] as string[], expiresIn: 3_600_000 };
  let valid = "rt-0";
  const server = createServer((request, response) => {
    let token = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (token += chunk));
    request.on("end", () => {
      state.used.push(token);
      const isValid = token === valid;
      if (isValid) valid = `rt-${state.used.length}`;
      const body = isValid
        ? { access_token: `at-${state.used.length}`, refresh_token: valid, expiry_date: Date.now() + state.expiresIn }
        : { error: "invalid_grant" };
      // As long as a real one takes, so that all of them meet here.
      setTimeout(() => response.writeHead(isValid ? 200 : 400).end(JSON.stringify(body)), 60);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return state;
}

test("G1 three processes that find one account expired refresh it once, and all get the new token", async () => {
  const endpoint = await tokenEndpoint();
  const start = { email: "mia@example.com", access_token: "at-0", refresh_token: "rt-0", expiry_date: 1, theirs: [1] };
  const root = folder({ [accountFile]: start });
  const children = await Promise.all([child(), child(), child()]);
  const round = (): Promise<readonly Message[]> =>
    Promise.all(
      children.map(({ process: each, next }) => {
        const answer = next();
        each.send({ act: "refresh", root, url: endpoint.url } satisfies ChildOrder);
        return answer;
      }),
    );

  endpoint.expiresIn = -1;
  // Whoever comes second finds an expiry in the past again, as after a long sleep: one refresh each, one after the other.
  const first = await round();
  expect(first.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  expect(endpoint.used).toEqual(["rt-0", "rt-1", "rt-2"]);

  endpoint.expiresIn = 3_600_000;
  const second = await round();
  expect(endpoint.used).toEqual(["rt-0", "rt-1", "rt-2", "rt-3"]);
  expect(second.map(({ fields }) => (fields as AccountFields)["access_token"])).toEqual(["at-4", "at-4", "at-4"]);

  const saved = JSON.parse(readFileSync(join(root, accountFile), "utf8")) as AccountFields;
  expect(saved).toMatchObject({ access_token: "at-4", refresh_token: "rt-4", theirs: [1], email: "mia@example.com" });
  expect(readdirSync(join(root, ".waygate/credentials/fake_cli"))).toEqual(["mia.json"]);
});

test("G1 within one process updates of an account wait for each other", async () => {
  const root = folder({ [accountFile]: fieldsOf("mia@example.com", { count: 0 }) });
  const kind = fakeKind();
  const stores = [storeIn(root), storeIn(root)];
  const [account] = (await stores[0]!.list(kind)).accounts;
  const add = async (current: AccountFields): Promise<AccountFields> => ({ count: Number(current["count"]) + 1 });
  await Promise.all(Array.from({ length: 10 }, (_, at) => stores[at % 2]!.update(kind, account!, add)));
  expect((await stores[0]!.list(kind)).accounts[0]!.fields["count"]).toBe(10);
});

test("a process that dies during a refresh leaves the file whole, and the next one does not wait for it", async () => {
  const before = fieldsOf("mia@example.com");
  const root = folder({ [accountFile]: before });
  const dying = await child();
  dying.process.send({ act: "die-in-change", root } satisfies ChildOrder);
  await dying.gone;
  expect(readFileSync(join(root, `${accountFile}.lock`), "utf8")).toContain(`"pid":${dying.process.pid}`);

  const store = storeIn(root);
  const kind = fakeKind();
  const { accounts } = await store.list(kind);
  expect(accounts.map(({ fields }) => fields)).toEqual([before]);
  const began = performance.now();
  await store.update(kind, accounts[0]!, async () => ({ access_token: "at-new" }));
  expect(performance.now() - began).toBeLessThan(2000);
  expect(readdirSync(join(root, ".waygate/credentials/fake_cli"))).toEqual(["mia.json"]);
});

test("G2 whenever a process is killed while it writes, the file holds one whole state (report 13)", async () => {
  const root = folder({ [accountFile]: { email: "mia@example.com", keep: "me" } });
  for (const delay of [0, 3, 9]) {
    const writer = await child();
    const writing = writer.next();
    writer.process.send({ act: "write-for-ever", root } satisfies ChildOrder);
    await writing;
    await new Promise((resolve) => setTimeout(resolve, delay));
    writer.process.kill("SIGKILL");
    await writer.gone;
    const saved = JSON.parse(readFileSync(join(root, accountFile), "utf8")) as AccountFields;
    expect(saved["keep"]).toBe("me");
    expect(saved["filler"]).toBe(String(Number(saved["number"]) % 10).repeat(200_000));
  }
});

test("two that want one lock have it one after the other", async () => {
  const path = join(folder(), "x.lock");
  const first = await takeLock(path);
  const order: string[] = [];
  const waiting = takeLock(path).then((lock) => {
    order.push("second");
    return lock;
  });
  await new Promise((resolve) => setTimeout(resolve, 60));
  order.push("first ends");
  await first.release();
  const second = await waiting;
  expect(order).toEqual(["first ends", "second"]);
  expect(await second.held()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await second.release();
  expect(existsSync(path)).toBe(false);
});

const holder = (changes: object): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), space: "", token: "theirs", time: "", ...changes });

test.each([
  ["of another machine", holder({ host: "elsewhere", pid: 1 })],
  ["that is empty", ""],
  ["that a crash cut off", '{"pid":1'],
])("a lock %s is taken once it has shown no life for a while, whatever its clock says", async (_, text) => {
  const path = join(folder({ "x.lock": text }), "x.lock");
  // Far in the future: a clock that is wrong must neither keep the lock for ever nor end it at once.
  const future = new Date(Date.now() + 86_400_000);
  utimesSync(path, future, future);
  const began = performance.now();
  const lock = await takeLock(path, { abandoned: 300 });
  expect(performance.now() - began).toBeGreaterThan(290);
  expect(await lock.held()).toBe(true);
  await lock.release();
});

test("a lock whose holder shows life is waited for, until the waiting takes too long", async () => {
  const path = join(folder({ "x.lock": holder({ host: "elsewhere", pid: 4121 }) }), "x.lock");
  const alive = setInterval(() => utimesSync(path, new Date(), new Date()), 40);
  onTestFinished(() => clearInterval(alive));
  await expect(takeLock(path, { abandoned: 200, wait: 700 })).rejects.toThrow(/locked[^]*Process 4121 on elsewhere/);
  expect(readFileSync(path, "utf8")).toContain("theirs");
});

test("waiting for a lock ends when its signal is aborted", async () => {
  const path = join(folder(), "x.lock");
  const lock = await takeLock(path);
  const control = new AbortController();
  const waiting = takeLock(path, { signal: control.signal });
  control.abort(new Error("closing"));
  await expect(waiting).rejects.toThrow("closing");
  await lock.release();
});

test("who slept until its lock was taken away knows, and leaves the new one alone", async () => {
  const path = join(folder(), "x.lock");
  const lock = await takeLock(path);
  writeFileSync(path, holder({}));
  expect(await lock.held()).toBe(false);
  await lock.release();
  expect(existsSync(path)).toBe(true);
});

test("of many that find a lock abandoned at the same time one has it at a time", async () => {
  const path = join(folder({ "x.lock": "" }), "x.lock");
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const lock = await takeLock(path, { abandoned: 150 });
      most = Math.max(most, ++holders);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      await lock.release();
    }),
  );
  expect(most).toBe(1);
});
