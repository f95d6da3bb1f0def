#!/usr/bin/env node
import fs from "fs";
import module from "module";
import { fileURLToPath } from "url";
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
