/** Writes schema.json anew: `npm run schema`. A test holds it equal to the sources. */
import { writeFile } from "node:fs/promises";
import { schemaText } from "./schema.build.ts";

await writeFile(new URL("../schema.json", import.meta.url), schemaText());
