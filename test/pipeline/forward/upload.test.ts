import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ProxyError } from "waygate";
import { HOLD, readUpload, type Upload } from "../../../src/pipeline/forward/upload.ts";
import { formEnd, formStart, formType } from "../../server/_forms.ts";

const MB = 1024 * 1024;

/** A form that comes in these pieces. */
function upload(pieces: Iterable<Uint8Array | Error>, limit = Number.POSITIVE_INFINITY): Promise<Upload> {
  const iterator = pieces[Symbol.iterator]();
  return readUpload({
    contentType: formType,
    length: undefined,
    tooLarge: (size) =>
      size > limit ? new ProxyError({ kind: "invalid_request", status: 413, message: "too large" }) : undefined,
    source: {
      async read() {
        await turn();
        const { value } = iterator.next() as { value: Uint8Array | Error | undefined };
        if (value instanceof Error) throw value;
        return value;
      },
      close() {},
    },
  });
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString();
}

function* cutAt(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("a form on its way through", () => {
  const whole = Buffer.concat([formStart, Buffer.from("file with lab/m in it"), formEnd]);
  const renamed = whole.toString().replace("lab/m", "another/name");

  it("has only the model's name replaced, however it is cut", async () => {
    for (let size = 1; size <= whole.length; size++) {
      const form = await upload(cutAt(whole, size));
      expect(form.model).toBe("lab/m");
      expect(await textOf(form.body("another/name").open())).toBe(renamed);
      expect(await textOf(form.body("").open())).toBe(whole.toString().replace("lab/m", ""));
    }
  });

  it("states its length when the client has", async () => {
    const chunks = [whole];
    const form = await readUpload({
      contentType: formType,
      length: whole.length,
      tooLarge: () => undefined,
      source: { read: () => Promise.resolve(chunks.shift()), close() {} },
    });
    expect(form.body("another/näme").length).toBe(Buffer.byteLength(renamed) + 1);
  });

  it("ends for whoever opened it before, and begins anew for the next without a loss", async () => {
    for (const taken of [0, 1, 3, 6]) {
      const form = await upload(cutAt(whole, 20));
      const first = form.body("a").open()[Symbol.asyncIterator]();
      for (let count = 0; count < taken; count++) await first.next();
      const second = textOf(form.body("another/name").open());
      const rest = (async () => {
        while (!(await first.next()).done);
      })();
      await expect(rest).rejects.toMatchObject({ kind: "aborted" });
      expect(await second).toBe(renamed);
      expect(form.repeatable).toBe(true);
    }
  });

  it("keeps no more than it may: what has been sent of a larger one is let go", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const sent: WeakRef<Uint8Array>[] = [];
    function* large(): Generator<Uint8Array> {
      yield formStart;
      for (let count = 0; count < 64; count++) {
        const chunk = new Uint8Array(MB);
        sent.push(new WeakRef(chunk));
        yield chunk;
      }
      yield formEnd;
    }
    const form = await upload(large());
    let size = 0;
    let most = 0;
    for await (const chunk of form.body("m").open()) {
      size += chunk.byteLength;
      if (sent.length % 16 !== 0) continue;
      await turn();
      collect();
      most = Math.max(most, sent.filter((ref) => ref.deref() !== undefined).length);
    }
    expect(size).toBeGreaterThan(64 * MB);
    expect(most).toBeLessThanOrEqual(HOLD / MB + 2);
    expect(form.repeatable).toBe(false);
  });

  it("can be sent again as long as all of it is held", async () => {
    const file = [formStart, new Uint8Array(HOLD - formStart.length - formEnd.length), formEnd];
    const form = await upload(file);
    for (let round = 0; round < 3; round++) {
      expect((await textOf(form.body("lab/m").open())).length).toBe(HOLD);
      expect(form.repeatable).toBe(true);
    }
  });

  it("of which nothing has been sent can be sent, however much of it was read", async () => {
    const form = await upload([Buffer.concat([formStart, new Uint8Array(HOLD + MB)]), formEnd]);
    expect(form.repeatable).toBe(true);
    expect((await textOf(form.body("lab/m").open())).length).toBeGreaterThan(HOLD);
  });

  it("fails for everybody once it has failed", async () => {
    const form = await upload([formStart, new ProxyError({ kind: "aborted", message: "gone" })]);
    for (let round = 0; round < 2; round++) {
      await expect(textOf(form.body("m").open())).rejects.toMatchObject({ kind: "aborted" });
    }
    expect(form.repeatable).toBe(false);
    const long = await upload([formStart, new Uint8Array(100), formEnd], formStart.length + 50);
    await expect(textOf(long.body("m").open())).rejects.toMatchObject({ status: 413 });
    expect(long.failure).toMatchObject({ status: 413 });
  });
});
