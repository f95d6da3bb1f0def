import { chmod } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type Environment, readEnvFile } from "../../src/load/env-file.ts";
import { makeFolder } from "./host.ts";

describe("readEnvFile", () => {
  it("reads quotes, comments, exports, a byte order mark and Windows lines, and skips lines that are none of these", async () => {
    await using folder = await makeFolder({
      ".env": "\uFEFFA=1\r\nexport B='two words' # note\r\nnonsense\r\n=x\r\nC=\"a\nb\"\r\n#D=4\r\nE=\r\n",
    });
    const env: Environment = {};
    const { file, names, count } = await readEnvFile(folder.path, env);
    expect(env).toMatchObject({ A: "1", B: "two words", C: "a\nb", E: "" });
    expect(env).not.toHaveProperty("D");
    expect({ file, count }).toEqual({ file: folder.at(".env"), count: names.length });
    expect(names).toEqual(expect.arrayContaining(["A", "B", "C", "E"]));
  });

  it("lets the real environment win, even where it is empty", async () => {
    await using folder = await makeFolder({ ".env": "A=file\nB=file" });
    const env: Environment = { A: "" };
    expect((await readEnvFile(folder.path, env)).count).toBe(1);
    expect(env).toEqual({ A: "", B: "file" });
  });

  it("changes and removes on a second reading only what the first one set", async () => {
    await using folder = await makeFolder({ ".env": "A=1\nB=1\nC=1" });
    const env: Environment = { REAL: "1" };
    await readEnvFile(folder.path, env);
    env["C"] = "set by the program";
    await folder.write(".env", "A=2");
    const { restore } = await readEnvFile(folder.path, env);
    expect(env).toEqual({ REAL: "1", A: "2", C: "set by the program" });
    restore();
    expect(env).toEqual({ REAL: "1", A: "1", B: "1", C: "set by the program" });
  });

  it("takes a missing file or a folder by that name as none", async () => {
    await using folder = await makeFolder({ "venv/.env/pyvenv.cfg": "" });
    expect(await readEnvFile(folder.path, {})).toMatchObject({ names: [], count: 0 });
    const { file } = await readEnvFile(folder.at("venv"), {});
    expect(file).toBeUndefined();
  });

  it.skipIf(process.getuid?.() === 0)("H4 says that it may not read the file", async () => {
    await using folder = await makeFolder({ ".env": "A=1" });
    await chmod(folder.at(".env"), 0);
    await expect(readEnvFile(folder.path, {})).rejects.toThrow("The .env file cannot be read");
  });
});
