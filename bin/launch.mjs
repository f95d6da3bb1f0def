/**
 * What `proxy.mjs` decides before any other file of the package is read. Plain old JavaScript: it has to parse on a
 * Node that is too old to run the rest, in order to say so.
 */
import fs from "fs";
import path from "path";
import { pathToFileURL } from "url";

/**
 * @param {{ engines: string, version: string, executable: string }} facts `engines` as in package.json, `>=X.Y`;
 *   `version` as `process.versions.node`
 * @returns {string | undefined} one line that says what is wrong; nothing when this Node will do
 */
export function engineProblem(facts) {
  const minimum = facts.engines.replace(/^>=\s*/, "");
  const wanted = minimum.split(".").map(Number);
  const found = facts.version.split(".").map((part) => parseInt(part, 10));
  for (let index = 0; index < wanted.length; index += 1) {
    if (found[index] > wanted[index]) return undefined;
    if (found[index] < wanted[index]) {
      return (
        `waygate needs Node ${minimum} or newer; this is ${facts.version} (${facts.executable}). ` +
        "In a clone run npm install first: it brings its own."
      );
    }
  }
  return undefined;
}

/** Newest change below a folder, in epoch milliseconds; folders count, so that a deleted file is noticed. */
function newest(folder) {
  let time = fs.statSync(folder).mtimeMs;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(full) : fs.statSync(full).mtimeMs);
  }
  return time;
}

/**
 * @param {string} root folder of the package
 * @returns {boolean} whether the sources are there (they are not in a published package) and newer than what was
 *   built from them
 */
export function prefersSource(root) {
  if (!fs.existsSync(path.join(root, "src"))) return false;
  const built = path.join(root, "dist", "src", "cli", "index.js");
  if (!fs.existsSync(built)) return true;
  const builtAt = fs.statSync(built).mtimeMs;
  return ["src", "plugins"].some((name) => {
    const folder = path.join(root, name);
    return fs.existsSync(folder) && newest(folder) > builtAt;
  });
}

/**
 * Loads the command line from `dist`, or from the sources while they are ahead of it, and runs it.
 *
 * @param {string} root folder of the package
 * @param {readonly string[]} argv arguments of the command
 * @returns {Promise<number>} exit code
 */
export async function launch(root, argv) {
  const load = (file) => import(pathToFileURL(path.join(root, file)).href);
  if (!prefersSource(root)) return (await load("dist/src/cli/index.js")).main(argv);
  await (await load("src/load/typescript.ts")).registerTypeScript();
  return (await load("src/cli/index.ts")).main(argv);
}
