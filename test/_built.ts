/** Where the package lies that tests start in processes of their own. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../", import.meta.url));

/** Folder of the package as it would be published, made by `_build.ts` from the sources as they are. */
export const built: string = join(repository, ".dist-test");
/** The command. */
export const bin: string = join(built, "bin", "proxy.mjs");
/** For `node --import`: makes `waygate` mean the built package, as it means the installed one for a user. */
export const register: string = join(built, "register.mjs");
/** The environment of every process and thread that loads TypeScript: where what was compiled is kept between starts. */
export const compileCache: { readonly NODE_COMPILE_CACHE: string } = {
  NODE_COMPILE_CACHE: join(repository, ".dist-test-cache"),
};
