/** `proxy models`: every model and alias, from the running server; without one, providers are asked here and now. */
import { loadCatalog } from "../catalog/load.ts";
import { createLog } from "../log.ts";
import { internalsOf } from "../proxy.ts";
import { type ModelsDocument, modelsDocument } from "../server/model-status.ts";
import { askServer } from "./ask-server.ts";
import { boot, type Source } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { duration, plain } from "./layout.ts";
import { missingLists, modelsTable, modelsTotal } from "./models-table.ts";
import { providerAsked } from "./show-keys.ts";
import type { Out } from "./terminal.ts";

export async function showModels({ terminal, values }: Call): Promise<number> {
  const { out, err, cwd } = terminal;
  const asked = await askServer<ModelsDocument>({ cwd, file: textOf(values, "config") }, "/api/models");
  const began = performance.now();
  const all = asked.server === undefined ? await modelsOf(asked.source, err) : asked.document;
  const shown = onlyProvider(all, textOf(values, "provider"));

  if (values["json"] === true) {
    out.line(JSON.stringify({ server: asked.server ?? null, ...shown }, undefined, 2));
    return 0;
  }
  for (const line of modelsTable(shown, out)) out.line(line);
  (out.isTerminal ? out : err).line(modelsTotal(shown));
  for (const line of missingLists(shown)) err.line(`${err.style.yellow("!")} ${line}`);
  if (asked.server === undefined) {
    const took = duration(performance.now() - began);
    err.line(`Asked here and now, in ${took}: ${plain(asked.why)}. What rests is not known.`);
  }
  return 0;
}

/** Set up as for a start. The providers' lists have the five seconds they have at a start. */
async function modelsOf(source: Source, err: Out): Promise<ModelsDocument> {
  const proxy = await boot(source, { log: createLog("error") });
  const notice = setTimeout(() => err.line("asking the providers for their models, 5 s at most …"), 300);
  // Nothing else may be under way that keeps the process, and its own timers do not.
  const alive = setInterval(() => undefined, 1000);
  try {
    const { pipeline, discovery } = internalsOf(proxy);
    await discovery.finished();
    return modelsDocument(pipeline.app, await loadCatalog(), discovery.listings());
  } finally {
    clearTimeout(notice);
    clearInterval(alive);
    await proxy.close();
  }
}

function onlyProvider(document: ModelsDocument, name: string | undefined): ModelsDocument {
  if (name === undefined) return document;
  const known = document.providers.map(({ provider }) => provider);
  const id = providerAsked(name, known, "models");
  return {
    ...document,
    models: document.models.filter(({ targets }) => targets.some((target) => target.startsWith(`${id}/`))),
    providers: document.providers.filter(({ provider }) => provider === id),
  };
}
