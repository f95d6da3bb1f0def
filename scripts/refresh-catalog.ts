/**
 * Writes src/catalog/models.json anew: `npm run refresh:catalog`. Two arguments replace the two addresses, each a path
 * or a URL: first the list of models.dev, then that of LiteLLM.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { Row } from "../src/catalog/snapshot.ts";
import { buildProviders, type LiteLlm, type ModelsDev } from "./refresh-catalog.rows.ts";

const devAddress = "https://models.dev/api.json";
const liteAddress = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";

async function read(place: string): Promise<unknown> {
  if (!/^https?:/.test(place)) return JSON.parse(await readFile(place, "utf8"));
  const response = await fetch(place, { signal: AbortSignal.timeout(60_000) });
  if (!response.ok) throw new Error(`${place} answered ${response.status}.`);
  return response.json();
}

const [dev = devAddress, lite = liteAddress] = process.argv.slice(2);
const providers = buildProviders((await read(dev)) as ModelsDev, (await read(lite)) as LiteLlm);
const sources = {
  "models.dev": { address: devAddress, license: "MIT", copyright: "Copyright (c) 2025 models.dev" },
  litellm: { address: liteAddress, license: "MIT", copyright: "Copyright (c) 2023 Berri AI" },
};

/** One model per line, so that a refresh reads well as a diff. */
const rows = (models: { readonly [model: string]: Row }): string =>
  Object.entries(models)
    .map(([model, row]) => `      ${JSON.stringify(model)}: ${JSON.stringify(row)}`)
    .join(",\n");
const blocks = Object.entries(providers).map(([id, models]) => `    ${JSON.stringify(id)}: {\n${rows(models)}\n    }`);
const text = `{\n  "sources": ${JSON.stringify(sources)},\n  "providers": {\n${blocks.join(",\n")}\n  }\n}\n`;
await writeFile(new URL("../src/catalog/models.json", import.meta.url), text);

const count = Object.values(providers).reduce((sum, models) => sum + Object.keys(models).length, 0);
console.log(`${count} models of ${Object.keys(providers).length} providers, ${text.length} bytes.`);
