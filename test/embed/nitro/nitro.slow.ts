/** The Nitro examples, built by Nitro 3 and Nitro 2 into servers for Node, under the laws of every host. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe } from "vitest";
import { createUpstream, type Upstream } from "waygate/testing";
import { hostLaws } from "../_laws.ts";
import { build, type Built, packWaygate, type Project } from "./_project.ts";

interface Case extends Project {
  /** Where in the server a proxy answers. */
  readonly paths: { readonly [name: string]: string };
}

/** The other way to embed in Nitro 3: an h3 2 app as what answers when no route does. */
const mounted = `
import { H3 } from "h3";
import { createProxy } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";

const proxy = createProxy({ plugins: [openaiCompatible({ name: "lab", models: ["llama-3.3-70b"] })] });
export default new H3().mount("/mounted", proxy);
`;

const cases: { readonly [name: string]: Case } = {
  "Nitro 3": {
    example: "embed-nitro",
    command: "nitro/dist/cli/index.mjs",
    h3: "h3",
    files: { "server/routes/own.ts": 'export default () => "own";', "server.ts": mounted },
    paths: { "as a route": "/llm", "mounted in the server entry": "/mounted" },
  },
  "Nitro 2": {
    example: "embed-nitro-2",
    command: "nitropack/dist/cli/index.mjs",
    h3: "h3-v1",
    files: { "routes/own.ts": 'export default defineEventHandler(() => "own");' },
    paths: { "as a route": "/llm" },
  },
};

let waygate: string;
beforeAll(async () => {
  waygate = await packWaygate();
});
afterAll(() => rm(waygate, { recursive: true, force: true }));

describe.each(Object.entries(cases))("in %s", (_, { paths, ...project }) => {
  let upstream: Upstream;
  let built: Built;
  let origin: string;

  beforeAll(async () => {
    upstream = await createUpstream();
    built = await build(project, waygate);
    origin = await built.start({ LAB_API_BASE: upstream.url, LAB_API_KEY: "k" });
  });
  afterAll(async () => {
    await built.close();
    await upstream.close();
  });

  describe.each(Object.entries(paths))("%s", (_way, path) => {
    hostLaws(() => ({ url: origin + path, upstream }));
  });
});
