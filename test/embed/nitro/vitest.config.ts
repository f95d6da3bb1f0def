import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";
import base from "../../../vitest.config.ts";

/** Nitro's own builds take too long for every `npm test`; `npm run test:embed-nitro` runs them. */
const config: ViteUserConfig = {
  ...base,
  root: fileURLToPath(new URL("../../../", import.meta.url)),
  test: {
    ...base.test,
    // Its folders are others.
    projects: undefined,
    include: ["test/embed/nitro/*.slow.ts"],
    testTimeout: 15_000,
    hookTimeout: 120_000,
  },
};

export default config;
