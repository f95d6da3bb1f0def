/** A whole proxy in a process of its own, over accounts that it shares with others; told what to do by messages. */
import { createConsola } from "consola";
import { type AccountKind, createProxy, definePlugin, defineProvider } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { accountHolder, refreshTokens } from "waygate/plugins/oauth";

export interface ProxyOrder {
  /** The folder with the accounts. */
  readonly root: string;
  readonly tokenURL: string;
  readonly upstreamURL: string;
}

export interface Answers {
  readonly statuses: readonly number[];
  readonly warnings: readonly string[];
}

function clubOf({ tokenURL, upstreamURL }: ProxyOrder): ReturnType<typeof definePlugin> {
  const spec = { provider: "club", title: "Club", clientId: "client-1", tokenURL };
  const kind: AccountKind = {
    provider: "club",
    title: "Club",
    risk: "None.",
    prefix: "CLUB",
    variables: [],
    officialFiles: [],
    identify: ({ email }) => (typeof email === "string" ? email : undefined),
    adopt: (fields) => fields,
    login: () => Promise.reject(new Error("nobody is here")),
    refresh: (fields, context) => refreshTokens(spec, fields, context),
    check: () => Promise.resolve({}),
  };
  const holder = accountHolder(kind);
  const { accounts, setup, ready, close } = holder;
  const provider = defineProvider({
    name: "club",
    protocol: "openai-chat",
    models: ["m"],
    async prepare(wire, attempt) {
      const fields = await holder.fresh(attempt as Parameters<typeof holder.fresh>[0]);
      const authorization = `Bearer ${String(fields["access_token"])}`;
      return { ...wire, url: `${upstreamURL}${wire.url}`, headers: { ...wire.headers, authorization } };
    },
    refresh: (credential, signal) => holder.refresh(credential as Parameters<typeof holder.refresh>[0], signal),
  });
  return definePlugin({ name: "club", accounts, providers: [provider], setup, ready, close });
}

let proxy: ReturnType<typeof createProxy> | undefined;
const warnings: string[] = [];

async function ask(count: number): Promise<Answers> {
  const body = JSON.stringify({ model: "club/m", messages: [{ role: "user", content: "hi" }] });
  const headers = { "content-type": "application/json" };
  const one = async (): Promise<number> => {
    const answer = await proxy!.fetch("http://proxy.test/v1/chat/completions", { method: "POST", headers, body });
    await answer.text();
    return answer.status;
  };
  return { statuses: await Promise.all(Array.from({ length: count }, one)), warnings: warnings.splice(0) };
}

async function obey(order: ProxyOrder | number): Promise<Answers> {
  if (typeof order === "number") return ask(order);
  const write = { log: ({ args }: { args: unknown[] }): void => void warnings.push(args.map(String).join(" ")) };
  const plugins = [clubOf(order), cooldown()];
  proxy = createProxy({ plugins }, { root: order.root, log: createConsola({ level: 1, reporters: [write] }) });
  await proxy.ready();
  // What using these accounts risks.
  warnings.length = 0;
  return { statuses: [], warnings: [] };
}

process.on("message", (order: ProxyOrder | number) => {
  obey(order).then(
    (answers) => process.send?.(answers),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.send?.("ready");
