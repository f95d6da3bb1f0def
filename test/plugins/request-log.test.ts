import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { definePlugin } from "waygate";
import { cache } from "waygate/plugins/cache";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { requestLog, type RequestLogOptions } from "waygate/plugins/request-log";
import {
  answer,
  chunk,
  createTestProxy,
  createUpstream,
  gate,
  type Reply,
  status,
  type Step,
  stream,
  type TestProxy,
  virtualClock,
} from "waygate/testing";
import { startServer } from "../cli/spawn.ts";
import { createDesk } from "../../plugins/request-log/desk.ts";
import { dayOf, startKeeping } from "../../plugins/request-log/keeping.ts";
import { wholeLines } from "../../plugins/request-log/redact.ts";

const clientKey = "canary9CLIENTkey5Hs1";
const providerKey = "canary9PROVIDERone7Kd2e9";
const proxyOfClient = {
  headers: { authorization: `Bearer ${clientKey}`, "x-api-key": clientKey, cookie: "canary9cookie" },
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "waygate-request-log-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Setup {
  readonly proxy: TestProxy;
  readonly data: string;
  /** Ends the proxy, so that all is on the disk, and reads the folders of the requests, oldest first. */
  read(): Promise<readonly Logged[]>;
}

/** What JSON holds, read as deep as a test likes. */
interface Fields {
  readonly [field: string]: Fields;
}

interface Logged {
  readonly name: string;
  readonly path: string;
  readonly files: readonly string[];
  text(file: string): string;
  json(file: string): Fields;
}

async function setup(
  step: Step,
  options: RequestLogOptions = {},
  plugins: Parameters<typeof createTestProxy>[0]["plugins"] = [],
): Promise<Setup> {
  const data = join(folder(), ".waygate");
  const upstream = await createUpstream();
  upstream.always(step);
  onTestFinished(() => upstream.close());
  const proxy = await createTestProxy({
    plugins: [
      proxyKey({ keys: [{ key: clientKey, label: "mia" }] }),
      openaiCompatible({ name: "lab", baseURL: upstream.url, keys: [providerKey, `${providerKey}2`], models: ["m"] }),
      ...plugins,
      requestLog(options),
    ],
    dataDir: data,
    listen: true,
  });
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) await proxy.close();
    closed = true;
  };
  onTestFinished(close);
  return {
    proxy,
    data,
    async read() {
      await close();
      return foldersIn(options.folder ?? join(data, "logs", "transactions"));
    },
  };
}

function foldersIn(root: string): Logged[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .sort()
    .flatMap((day) =>
      readdirSync(join(root, day))
        .sort()
        .map((name) => join(day, name)),
    )
    .map((name) => {
      const path = join(root, name);
      const files = readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
        .sort();
      const text = (file: string): string => readFileSync(join(path, file), "utf8");
      return { name, path, files, text, json: (file) => JSON.parse(text(file)) };
    });
}

async function ask({ proxy }: Setup, body: { readonly [field: string]: unknown } = {}): Promise<string> {
  const response = await proxy.chat({ model: "lab/m", ...body }, proxyOfClient);
  return response.text();
}

describe("requestLog()", () => {
  test("writes a request, its answer, both sides of the upstream and what is known of it into one folder", async () => {
    const bench = await setup(answer({ text: "the answer" }));
    const got = await ask(bench, {
      messages: [{ role: "user", content: "the question" }],
      big: 12345678901234567890n.toString(),
    });
    const [logged, ...others] = await bench.read();
    expect(others).toEqual([]);
    expect(logged!.name).toMatch(/^\d{4}-\d\d-\d\d\/\d{4}_\d{6}_oai_lab_m_[a-z\d]{12}$/);
    expect(logged!.files).toEqual([
      "metadata.json",
      "provider/final_response.json",
      "provider/request_payload.json",
      "request.json",
      "response.json",
    ]);
    expect(logged!.json("request.json")).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      data: { model: "lab/m", messages: [{ role: "user", content: "the question" }] },
    });
    expect(logged!.json("response.json")).toMatchObject({ status_code: 200, data: JSON.parse(got) });
    expect(logged!.json("provider/request_payload.json")).toMatchObject({
      method: "POST",
      url: expect.stringMatching(/\/v1\/chat\/completions$/),
      data: { model: "m" },
    });
    expect(logged!.text("provider/final_response.json")).toBe(got);
    expect(logged!.json("metadata.json")).toMatchObject({
      status_code: 200,
      outcome: "complete",
      requested_model: "lab/m",
      provider: "lab",
      model: "m",
      finish_reason: "stop",
      usage: { input: 9, output: 3 },
      attempts: [{ number: 1, provider: "lab", status_code: 200, error: null }],
      cut_bytes: 0,
      dropped_bytes: 0,
      path: "bytes",
    });
  });

  test("writes a stream event by event and leaves it on the byte path", async () => {
    const bench = await setup(answer({ text: "one two three" }));
    const got = await ask(bench, { stream: true });
    const [logged] = await bench.read();
    expect(logged!.files).toContain("streaming_chunks.jsonl");
    const lines = logged!
      .text("streaming_chunks.jsonl")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { chunk: unknown });
    const sent = got
      .split("\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => line.slice(6));
    expect(lines.map(({ chunk: each }) => (typeof each === "string" ? each : JSON.stringify(each)))).toEqual(sent);
    expect(logged!.text("provider/response_stream.log")).toContain(sent[1]);
    expect(logged!.json("metadata.json")).toMatchObject({ path: "bytes", streaming: true });
    expect(logged!.json("response.json")).toMatchObject({ status_code: 200, data: null });
  });

  test("has a folder for every attempt, with what the failed ones said", async () => {
    let calls = 0;
    const bench = await setup(() =>
      ++calls === 1
        ? status(429, { error: { message: "slow down, org-Ab12Cd34Ef56" } }, { "retry-after": "60" })
        : answer(),
    );
    await ask(bench);
    const [logged] = await bench.read();
    expect(logged!.text("provider/error.log")).toContain("slow down");
    expect(logged!.text("provider/error.log")).not.toContain("Ab12Cd34Ef56");
    expect(logged!.files).toContain("provider_2/final_response.json");
    expect(logged!.json("metadata.json")).toMatchObject({
      attempts: [
        { number: 1, status_code: 429, error: { kind: "rate_limited" }, response_headers: { "retry-after": "60" } },
        { number: 2, status_code: 200 },
      ],
    });
  });

  test("H6 holds no key of anybody, whoever repeats it and however it is cut", async () => {
    const echoed: Step = (request) => {
      const key = request.key ?? "";
      if (!request.stream) {
        const message = { role: "assistant", content: `you are ${key}` };
        const body = { choices: [{ index: 0, finish_reason: "stop", message }] };
        return status(200, body, { "x-echo": key, "set-cookie": key });
      }
      const text = `data: ${JSON.stringify(chunk({ content: `you are ${key} and ${clientKey}` }))}\n\n`;
      const cutAt = text.indexOf(key) + 5;
      const reply = stream([chunk({}, { finish: "stop" })]) as Reply;
      return { ...reply, body: [Buffer.from(text.slice(0, cutAt)), Buffer.from(text.slice(cutAt)), ...reply.body] };
    };
    const bench = await setup(echoed);
    for (const streamed of [false, true]) {
      const got = await ask(bench, {
        stream: streamed,
        messages: [{ role: "user", content: `my key is ${clientKey}` }],
      });
      expect(got).toContain(providerKey);
    }
    const all = await bench.read();
    expect(all).toHaveLength(2);
    for (const each of all) {
      expect(each.files.filter((file) => /canary9/i.test(each.text(file)))).toEqual([]);
      expect(each.json("request.json")["headers"]).toMatchObject({
        authorization: "***",
        cookie: "***",
        "content-type": "application/json",
      });
    }
  });

  test("writes what is refused, but nobody who is not let in", async () => {
    const refusing = definePlugin({
      name: "no",
      hooks: { filter: ({ model }) => (model === "lab/no" ? Response.json({}, { status: 403 }) : undefined) },
    });
    const bench = await setup(answer(), {}, [refusing]);
    await ask(bench, { model: "lab/no" });
    await ask(bench, { model: "nobody/knows" });
    await (await bench.proxy.chat({ model: "lab/m" })).text();
    await (
      await bench.proxy.fetch("/v1/chat/completions", { method: "POST", ...proxyOfClient, body: "{ no json" })
    ).text();
    const all = await bench.read();
    const seen = all
      .map((each) => each.json("metadata.json"))
      .map((each) => [each["status_code"], each["error"]?.code ?? null]);
    expect(seen.toSorted()).toEqual([
      [400, "invalid_json"],
      [403, null],
      [404, "model_not_found"],
    ]);
  });

  test("is for some models or users only, where that is asked for", async () => {
    const bench = await setup(answer(), { models: ["lab/*"], users: ["nobody-*"], provider: false });
    await ask(bench);
    expect(await bench.read()).toEqual([]);
    const id = (await bench.proxy.recorded(1)).ctx.principal!.id;
    const other = await setup(answer(), { models: ["lab/*"], users: [id], provider: false });
    await ask(other);
    expect((await other.read()).map(({ files }) => files)).toEqual([
      ["metadata.json", "request.json", "response.json"],
    ]);
  });

  test("leaves out what is over the size of one request, and says how much", async () => {
    const bench = await setup(answer({ text: Array.from({ length: 400 }, () => "x".repeat(100)) }), { size: 20_000 });
    const got = await ask(bench, { stream: true, messages: [{ role: "user", content: "y".repeat(50_000) }] });
    expect(got).toContain("[DONE]");
    const [logged] = await bench.read();
    const bytes = logged!.files.reduce((sum, file) => sum + Buffer.byteLength(logged!.text(file)), 0);
    expect(bytes).toBeLessThan(40_000);
    expect(logged!.json("metadata.json")["cut_bytes"]).toBeGreaterThan(90_000);
    expect(typeof logged!.json("request.json")["data"]).toBe("string");
  });

  test("makes folders and files for this user alone", async () => {
    const bench = await setup(answer());
    await ask(bench);
    const [logged] = await bench.read();
    const modes = [bench.data, join(bench.data, "logs", "transactions"), logged!.path].map(
      (path) => statSync(path).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o700, 0o700]);
    expect(new Set(logged!.files.map((file) => statSync(join(logged!.path, file)).mode & 0o777))).toEqual(
      new Set([0o600]),
    );
  });

  test("keeps requests with one id apart, and no id or model leads out of the folder", async () => {
    const bench = await setup(answer());
    for (const model of ["lab/m", "lab/m", "lab/../../m"]) {
      const response = await bench.proxy.chat(
        { model },
        { headers: { ...proxyOfClient.headers, "x-request-id": ".." } },
      );
      await response.text();
    }
    const all = await bench.read();
    expect(all).toHaveLength(3);
    expect(readdirSync(bench.data).sort()).toEqual([".gitignore", "logs"]);
  });

  test("goes on beside a cache, which gives what was logged before", async () => {
    const bench = await setup(answer(), {}, [cache()]);
    await ask(bench, { temperature: 0 });
    await ask(bench, { temperature: 0 });
    const all = await bench.read();
    expect(all.map(({ files }) => files.length).toSorted()).toEqual([2, 5]);
  });

  test("a client that leaves is written with what it got", async () => {
    const open = gate();
    const bench = await setup(stream([chunk({ content: "begun" }), open]));
    const leaving = new AbortController();
    const response = await bench.proxy.chat(
      { model: "lab/m", stream: true },
      { ...proxyOfClient, signal: leaving.signal },
    );
    await response.body!.getReader().read();
    leaving.abort();
    await bench.proxy.recorded(1);
    const [logged] = await bench.read();
    expect(logged!.text("streaming_chunks.jsonl")).toContain("begun");
    expect(logged!.json("metadata.json")).toMatchObject({ outcome: "client-aborted" });
    open.open();
  });

  test("a folder that cannot be written is one warning, and requests are answered", async () => {
    const root = folder();
    const file = join(root, "in-the-way");
    writeFileSync(file, "");
    const bench = await setup(answer({ text: "fine" }), { folder: join(file, "logs") });
    for (let count = 0; count < 3; count++) expect(await ask(bench)).toContain("fine");
    await expect.poll(() => bench.proxy.logged.filter((line) => line.includes("not written any more"))).toHaveLength(1);
    for (let count = 0; count < 3; count++) expect(await ask(bench)).toContain("fine");
    await bench.read();
    expect(bench.proxy.logged.filter((line) => line.includes("not written any more"))).toHaveLength(1);
  });

  test("options that make no sense stop the start", () => {
    expect(() => requestLog({ days: 0 })).toThrow(/days is 0/);
    expect(() => requestLog({ size: Number.NaN })).toThrow(/size is NaN/);
  });
});

test("--enable-request-logging turns it on for one run, also without a config", { timeout: 30_000 }, async () => {
  const cwd = folder();
  const server = await startServer(["--port", "0", "--enable-request-logging"], { cwd });
  await server.saw(/Prompts and answers are written to disk/);
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "a question" }] }),
  });
  await response.text();
  expect(await server.stop("SIGTERM")).toBe(0);
  const [logged] = foldersIn(join(cwd, ".waygate", "logs", "transactions"));
  expect(logged!.text("request.json")).toContain("a question");
});

describe("the disk", () => {
  const silent = { warn: () => {}, info: () => {} } as unknown as Parameters<typeof createDesk>[0]["log"];
  const real = {
    now: Date.now,
    timer: (run: () => void, ms: number) => ({ cancel: clearTimeout.bind(undefined, setTimeout(run, ms)) }),
  };

  test("one that is slow loses parts and never holds up who hands them in", async () => {
    const desk = createDesk({
      folder: folder(),
      prepare: () => {},
      size: 1e12,
      clock: real,
      log: silent,
      onWritten: () => {},
    });
    const page = desk.open({ day: "2026-01-01", name: "a" })!;
    const big = 1024 * 1024;
    const refused = Array.from({ length: 40 }, () => page.write("file", big, () => "x"));
    expect(refused.filter((each) => each === "dropped")).toHaveLength(8);
    page.end();
    await desk.close();
    expect(page.write("file", big, () => "x")).toBeUndefined();
    await desk.close();
  });

  test("one that refuses is tried again after a minute", async () => {
    const clock = virtualClock();
    const root = folder();
    const said: string[] = [];
    const log = {
      warn: (text: string) => said.push(text),
      info: (text: string) => said.push(text),
    } as unknown as typeof silent;
    let full = true;
    const prepare = (): void => {
      if (full) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
    const desk = createDesk({ folder: root, prepare, size: 1e6, clock, log, onWritten: () => {} });
    const write = async (name: string): Promise<boolean> => {
      const page = desk.open({ day: "2026-01-01", name });
      page?.write("file", 1, () => "x");
      page?.end();
      await desk.close();
      return page !== undefined;
    };
    expect(await write("a")).toBe(true);
    expect(await write("b")).toBe(false);
    await clock.advance(61_000);
    expect(await write("c")).toBe(true);
    full = false;
    await clock.advance(61_000);
    expect(await write("d")).toBe(true);
    expect(said.map((text) => text.slice(0, 24))).toEqual(["Requests are not written", "Requests are written to "]);
    expect(readdirSync(join(root, "2026-01-01"))).toEqual(["d"]);
  });

  test("a folder that somebody removes ends that request's log and no other", async () => {
    const root = folder();
    const said: string[] = [];
    const log = { warn: (text: string) => said.push(text), info: () => {} } as unknown as typeof silent;
    const desk = createDesk({ folder: root, prepare: () => {}, size: 1e6, clock: real, log, onWritten: () => {} });
    const page = desk.open({ day: "2026-01-01", name: "a" })!;
    page.write("one", 1, () => "x");
    page.end();
    await desk.close();
    rmSync(join(root, "2026-01-01"), { recursive: true });
    page.write("two", 1, () => "x");
    page.end();
    await desk.close();
    expect(page.write("three", 1, () => "x")).toBe("dropped");
    expect(said).toEqual([]);
    expect(desk.open({ day: "2026-01-02", name: "b" })).toBeDefined();
  });
});

describe("what is kept", () => {
  test("H1 days that are over go, and of what is too much the oldest requests; what is not ours stays", async () => {
    const root = folder();
    const clock = virtualClock({ start: new Date(2026, 0, 10, 12).getTime() });
    const add = (day: string, name: string, bytes: number): void => {
      mkdirSync(join(root, day, name), { recursive: true });
      writeFileSync(join(root, day, name, "request.json"), "x".repeat(bytes));
    };
    add("2026-01-01", "0101_000000_oai_a", 10);
    add("2026-01-01", "notes", 10);
    add("2026-01-08", "0108_000000_oai_b", 10);
    add("2026-01-09", "0109_000000_oai_c", 40_000);
    add("2026-01-09", "0109_000001_oai_d", 40_000);
    add("2026-01-10", "0110_000000_oai_e", 40_000);
    add("mine", "0110_000000_oai_f", 400_000);
    const keeping = startKeeping({
      folder: root,
      days: 3,
      total: 100_000,
      clock,
      onTrouble: (error) => expect.fail(String(error)),
    });
    await clock.advance(6000);
    const names = (): string[] =>
      readdirSync(root, { recursive: true })
        .map(String)
        .filter((name) => !name.endsWith("json"))
        .sort();
    await expect
      .poll(names)
      .toEqual([
        ...["2026-01-01", "2026-01-01/notes", "2026-01-09", "2026-01-09/0109_000001_oai_d"],
        ...["2026-01-10", "2026-01-10/0110_000000_oai_e", "mine", "mine/0110_000000_oai_f"],
      ]);
    // What is written meanwhile counts at once.
    add("2026-01-10", "0110_000002_oai_g", 40_000);
    keeping.add(40_000);
    await expect.poll(names).not.toContain("2026-01-09/0109_000001_oai_d");
    keeping.stop();
  });

  test("a day is the one of the machine's clock", () => {
    expect(dayOf(new Date(2026, 1, 3, 23, 59).getTime())).toBe("2026-02-03");
  });
});

test("text is read in whole lines and whole characters, and a line without an end is not waited for", () => {
  const reader = wholeLines();
  const bytes = Buffer.from("ä\nöü");
  expect([...bytes].map((_, index) => reader.push(bytes.subarray(index, index + 1))).join("|")).toBe("||ä\n||||");
  expect(reader.rest()).toBe("öü");
  const long = wholeLines();
  expect(long.push(Buffer.alloc(100_000, "x"))).toHaveLength(100_000 - 8192);
  expect(long.rest()).toHaveLength(8192);
});
