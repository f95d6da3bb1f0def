/** What the tests of the hooks share: a plugin that says which of its hooks ran, and a proxy around it. */
import { definePlugin, type Plugin, type PluginHooks } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createTestProxy, createUpstream, type TestProxy, type TestProxyOptions, type Upstream } from "waygate/testing";

export interface Bench extends AsyncDisposable {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

/** Two keys, `one` and `two`, of the provider `lab`; failures are tried on the next key at once. */
export async function bench(plugins: readonly Plugin[], options: Partial<TestProxyOptions> = {}): Promise<Bench> {
  const upstream = await createUpstream();
  const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["one", "two"], models: ["m"] });
  const proxy = await createTestProxy({ plugins: [lab, ...plugins], retry: { sameCredential: 0 }, ...options });
  return {
    proxy,
    upstream,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await upstream.close();
    },
  };
}

/** A plugin of these hooks. */
export function hooked(hooks: PluginHooks, name = "probe"): Plugin {
  return definePlugin({ name, hooks });
}

/** A plugin with a hook of every kind; each notes that it ran and changes nothing. */
export function witness(name = "witness", withEvents = true): { readonly plugin: Plugin; readonly ran: string[] } {
  const ran: string[] = [];
  const events: PluginHooks = {
    event(event) {
      if (!ran.includes("event")) ran.push("event");
      return event;
    },
  };
  const plugin = hooked(
    {
      auth() {
        ran.push("auth");
        return { id: "somebody" };
      },
      filter() {
        ran.push("filter");
      },
      selectKey(candidates) {
        ran.push("selectKey");
        return candidates;
      },
      transform() {
        ran.push("transform");
      },
      call(_, next) {
        ran.push("call");
        return next();
      },
      fail() {
        ran.push("fail");
      },
      record() {
        ran.push("record");
      },
      ...(withEvents && events),
    },
    name,
  );
  return { plugin, ran };
}
