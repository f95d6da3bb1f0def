import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Where to leave the results as JSON as well; `.ci/run` takes its closing line from there. */
const report = process.env["WAYGATE_TEST_REPORT"];

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: /^waygate$/, replacement: local("./src/index.ts") },
      { find: /^waygate\/testing$/, replacement: local("./src/testing/index.ts") },
      { find: /^waygate\/(protocols)\/(.*)$/, replacement: local("./src/$1/$2/index.ts") },
      { find: /^waygate\/(plugins)\/(.*)$/, replacement: local("./$1/$2/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"] },
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    testTimeout: 15_000,
    // Its own choice leaves one processor out, which on two of them is half; many tests wait more than they compute.
    maxWorkers: Math.max(availableParallelism(), 2),
    unstubEnvs: true,
  },
});

export default config;
