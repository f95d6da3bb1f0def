/** Loads configs in a process of its own: a test runner has another module system than the program. */
import { ConfigError } from "../../src/config/problem.ts";
import { loadConfig } from "../../src/load/load.ts";
import type { HostReply, HostRequest } from "./host.ts";

// One after the other, as one program would.
let queue = Promise.resolve();
process.on("message", (request: HostRequest) => {
  queue = queue.then(async () => {
    process.send?.({ id: request.id, ...(await answer(request)) });
  });
});

async function answer(request: HostRequest): Promise<Omit<HostReply, "id">> {
  for (const [name, value] of Object.entries(request.variables ?? {})) process.env[name] = value;
  const show = (): { [name: string]: string | undefined } =>
    Object.fromEntries((request.show ?? []).map((name) => [name, process.env[name]]));
  try {
    const loaded = await loadConfig(request.options);
    if (loaded === undefined) return { variables: show() };
    const { file, resolved, warnings, env, files } = loaded;
    const plugins = resolved.plugins.map((plugin) => plugin.name);
    const extra: unknown = Reflect.get(globalThis, "waygateTest");
    return { loaded: { file, plugins, models: resolved.models, warnings, env, files, extra }, variables: show() };
  } catch (error) {
    if (!ConfigError.is(error)) return { crash: String(error), variables: show() };
    const { message, problems, file, source } = error;
    return { error: { message, problems: JSON.parse(JSON.stringify(problems)), file, source }, variables: show() };
  }
}
