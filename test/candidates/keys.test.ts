import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { anonymousCredential, apiKeyCredential, normalizeId, readKeys } from "../../src/candidates/keys.ts";
import { createPool } from "../../src/candidates/pool.ts";
import { systemClock } from "../../src/runtime.ts";

describe("keys of the environment", () => {
  test("the plain name comes first, then the numbers in ascending order, with gaps", () => {
    const env = { LAB_API_KEY_10: "ten", LAB_API_KEY_2: "two", LAB_API_KEY: "plain", LAB_API_KEY_7: "seven" };
    expect(readKeys("lab", env)).toEqual(["plain", "two", "seven", "ten"]);
  });

  test("a plural name holds a list, separated by commas or line ends", () => {
    expect(readKeys("lab", { LAB_API_KEYS: "a, b,\nc\r\n,", LAB_API_KEYS_2: "d,e" })).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
    ]);
  });

  test("empty values and duplicates are dropped", () => {
    expect(readKeys("lab", { LAB_API_KEY: "", LAB_API_KEY_1: "a", LAB_API_KEY_2: " a ", LAB_API_KEY_3: "  " })).toEqual(
      ["a"],
    );
  });

  test("names of other providers and other variables do not count", () => {
    const env = {
      LAB_CLI_API_KEY: "x",
      MYLAB_API_KEY: "x",
      LAB_API_KEY_OLD: "x",
      LAB_API_KEY_1_X: "x",
      LAB_API_KEY_FILE: "x",
    };
    expect(readKeys("lab", env)).toEqual([]);
  });

  test("a dash in the id is an underscore in the name", () => {
    expect(normalizeId("nvidia-nim")).toBe("nvidia_nim");
    expect(readKeys("nvidia-nim", { NVIDIA_NIM_API_KEY: "a" })).toEqual(["a"]);
  });

  test.each([
    "sk-...",
    "sk-…",
    "sk-proj-xxxx",
    "xxxxxx",
    "your-api-key",
    "your_openai_api_key_here",
    "YOUR_GEMINI_API_KEY_1",
    "<key>",
    "changeme",
    "undefined",
  ])("the placeholder %j is refused by the name of its variable (report 53)", (value) => {
    expect(() => readKeys("lab", { LAB_API_KEY_3: value })).toThrow(/LAB_API_KEY_3 holds a placeholder/);
  });

  test.each(["sk-1234567890abcdef", "x", "yourself123", "k3y", "none-of-your-business"])("%j is a key", (value) => {
    expect(readKeys("lab", { LAB_API_KEY: value })).toEqual([value]);
  });

  test("text that no header can carry is refused without being shown", () => {
    const read = (): string[] => readKeys("lab", { LAB_API_KEY: "sk-secret\nsecond" });
    expect(read).toThrow(/LAB_API_KEY does not hold a key/);
    expect(read).not.toThrow(/secret/);
  });
});

describe("the credential of a key", () => {
  const key = "sk-abcdefghijklmnopqrstuvwxyz";

  test("its id is the provider and the first 12 hex digits of the SHA-256 of the key", () => {
    expect(apiKeyCredential("lab", "test").id).toBe("lab:9f86d081884c");
  });

  test("the secret is used but never shown", () => {
    const credential = apiKeyCredential("lab", { value: key, proxy: "http://user:hunter2@proxy" });
    expect(credential.data.key).toBe(key);
    for (const text of [
      JSON.stringify(credential),
      inspect(credential, { depth: 9 }),
      JSON.stringify({ ...credential }),
    ]) {
      expect(text).toContain("sk-a…wxyz");
      expect(text).not.toContain(key);
      expect(text).not.toContain("hunter2");
    }
  });

  test("a short key is not shown in part either", () => {
    expect(apiKeyCredential("lab", "short-key-19-chars!").masked).not.toContain("shor");
  });

  test("what the config says about the key is kept", () => {
    const about = { label: "main", priority: 1, weight: 2, concurrency: 3, limits: { rpm: 4 } };
    const credential = apiKeyCredential("lab", { value: key, organization: "o", project: "p", ...about });
    expect(credential).toMatchObject(about);
    expect(credential.data).toMatchObject({ key, organization: "o", project: "p" });
  });

  test("one key for two projects is two credentials", () => {
    const ids = ["a", "b"].map((project) => apiKeyCredential("lab", { value: key, project }).id);
    expect(new Set(ids).size).toBe(2);
  });

  test("the pool can renew the secret of a credential, and it stays out of sight", async () => {
    const provider = {
      name: "lab",
      protocol: "x",
      models: [],
      prepare: <T>(wire: T): T => wire,
      refresh: async () => ({ key: "fresh-secret" }),
    };
    const pool = createPool({ clock: systemClock(), provider: () => provider });
    const credential = apiKeyCredential("lab", key);
    pool.add(credential);
    const fresh = await pool.refresh(credential);
    expect(fresh).toMatchObject({ id: credential.id, data: { key: "fresh-secret" } });
    expect(JSON.stringify(fresh)).not.toContain("fresh-secret");
  });

  test("the anonymous credential has no key", () => {
    expect(anonymousCredential("echo")).toMatchObject({ id: "echo:anonymous", provider: "echo", data: { key: "" } });
  });
});
