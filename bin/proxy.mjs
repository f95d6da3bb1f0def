#!/usr/bin/env node
import fs from "fs";
import module from "module";
import { fileURLToPath } from "url";
import v8 from "v8";
import { engineProblem, launch } from "./launch.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { engines } = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const problem = engineProblem({
  engines: engines.node,
  version: process.versions.node,
  executable: process.execPath,
});

if (problem) {
  console.error(problem);
  process.exitCode = 1;
} else {
  // What lived long while the process started does not when it serves. V8 would go on to make such objects old ones from
  // the start, and those keep whole requests alive: a tenth of the throughput, and a fifth of the memory.
  v8.setFlagsFromString("--no-allocation-site-pretenuring");
  // Keeps compiled code on disk between starts, where this Node can.
  if (module.enableCompileCache) module.enableCompileCache();
  launch(root, process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
