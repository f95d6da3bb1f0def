import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { compileCache } from "./test/_built.ts";

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Where to leave the results as JSON as well; `.ci/run` takes its closing line from there. */
const report = process.env["WAYGATE_TEST_REPORT"];

const usual = { testTimeout: 15_000, unstubEnvs: true, env: compileCache };
/** Folders whose tests share the modules they load. */
const together =
  "accounts bad-input candidates catalog config failure pipeline plugins protocols rules sdk server simulation transport usage users wire".split(
    " ",
  );
/** Files in them that replace modules, and so need their own. */
const alone = ["test/plugins/from-env/*.test.ts"];

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
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    globalSetup: local("./test/_build.ts"),
    // Its own choice leaves one processor out, which on two of them is half; many tests wait more than they compute.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          ...usual,
          include: together.map((folder) => `test/${folder}/**/*.test.ts`),
          exclude: alone,
          // These leave nothing behind in a process, and loading the sources anew for every file took half of the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          ...usual,
          include: ["test/*.test.ts", `test/!(${together.join("|")})/**/*.test.ts`, ...alone],
          // Its own configuration: `npm run typecheck` has checked the rest.
          typecheck: { enabled: true, include: ["test/types/*.test-d.ts"], tsconfig: "test/types/tsconfig.json" },
        },
      },
    ],
  },
});

export default config;
