/** Asks providers for their models in the background. Never delays a start and never hides what is configured. */
import type { App } from "../plugin/app.ts";
import type { Provider } from "../plugin/provider.ts";

/** Milliseconds one provider may take to list its models. */
const DISCOVERY_LIMIT = 5_000;

/** Starts one look-up per provider that can be asked; results go to `app.models`, failures to the log. */
export function startDiscovery(app: App, signal: AbortSignal): void {
  for (const provider of app.providers) {
    if (provider.discover) void discover(app, provider, signal);
  }
}

async function discover(app: App, provider: Provider, signal: AbortSignal): Promise<void> {
  const [credential] = app.credentials.list(provider.name);
  if (!credential || signal.aborted) return;
  try {
    const found = await provider.discover!(credential, AbortSignal.any([signal, AbortSignal.timeout(DISCOVERY_LIMIT)]));
    app.models.setListed(provider.name, [...new Set([...provider.models, ...found])]);
  } catch (error) {
    if (signal.aborted) return;
    const why = error instanceof Error ? error.message : String(error);
    app.log.warn(`${provider.name}: its models could not be listed (${why}). Those in the config are used.`);
  }
}
