/** A process that keeps an account's access alive, or dies while it does: forked by the tests, told what to do by messages. */
import { request } from "node:http";
import { accountStore } from "../../src/accounts/store.ts";
import type { AccountFields, AccountKind } from "../../src/accounts/types.ts";

export interface ChildOrder {
  readonly act: "refresh" | "die-in-change" | "write-for-ever";
  readonly root: string;
  /** Of the token endpoint. */
  readonly url?: string;
}

const kind: AccountKind = {
  provider: "fake_cli",
  title: "",
  risk: "",
  prefix: "FAKE_CLI",
  variables: [],
  officialFiles: [],
  identify: (fields) => fields["email"] as string | undefined,
  adopt: (fields) => fields,
  login: () => Promise.reject(new Error("nobody is here")),
  refresh: () => Promise.reject(new Error("the order says how")),
  check: () => Promise.resolve({}),
};

function post(url: string, body: string): Promise<{ readonly status: number; readonly body: AccountFields }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST" }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as AccountFields }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function obey({ act, root, url = "" }: ChildOrder): Promise<unknown> {
  const store = accountStore({ dataDir: ".waygate", cwd: root, home: root, env: {} });
  const [account] = (await store.list(kind)).accounts;
  if (account === undefined) throw new Error("There is no account.");
  if (act === "refresh") {
    const updated = await store.update(kind, account, async (current) => {
      if (Number(current["expiry_date"]) > Date.now()) return current;
      const { status, body } = await post(url, String(current["refresh_token"]));
      if (status !== 200) throw new Error(`refused: ${String(body["error"])}`);
      return body;
    });
    return updated.fields;
  }
  if (act === "die-in-change") {
    await store.update(kind, account, async () => {
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => undefined);
    });
  }
  for (let number = 1; ; number++) {
    const change = async (): Promise<AccountFields> => ({ number, filler: String(number % 10).repeat(200_000) });
    await store.update(kind, account, change);
    if (number === 1) process.send?.({ writing: true });
  }
}

process.on("message", (order: ChildOrder) => {
  obey(order).then(
    (fields) => process.send?.({ fields }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.send?.({ ready: true });
