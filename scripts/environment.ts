/** Writes .env.example anew: `npm run environment`. A test holds it equal to the list of variables. */
import { writeFile } from "node:fs/promises";
import { envExample } from "./environment.build.ts";

await writeFile(new URL("../.env.example", import.meta.url), envExample());
