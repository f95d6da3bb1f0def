/** What must hold in every host, said once: the same laws run over real sockets wherever the handler is hung up. */
import { expect, it } from "vitest";
import { allEvents, answer, chunk, gate, readEvents, silence, status, stream, textOfEvents } from "waygate/testing";
import type { Received, Upstream } from "waygate/testing";

export interface Place {
  /** Below this address the proxy answers, e.g. `http://127.0.0.1:4711/llm`; `/own` beside it is the host's. */
  readonly url: string;
  /** What the provider `lab` of the proxy talks to, with key `k`; it lists one model. */
  readonly upstream: Upstream;
}

const messages = [{ role: "user", content: "hello" }];

/** Posts a chat completion for `lab/m`; the body may be given as it is. */
export function chat(url: string, body: object | string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify({ model: "lab/m", messages, ...body }),
    ...init,
  });
}

/** The next request of the upstream, to be awaited once something was sent. */
const next = ({ upstream }: Place): Promise<Received> => upstream.received(upstream.requests.length + 1);

/** Laws for one host. `place` is called once a test runs. */
export function hostLaws(place: () => Place): void {
  it("gives whole answers, with our headers and the host's path", async () => {
    const here = place();
    here.upstream.reply(answer({ text: "Grüße 👋" }));
    const sent = next(here);
    const response = await chat(here.url, {});
    expect([response.status, response.headers.get("x-waygate-provider")]).toEqual([200, "lab"]);
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "Grüße 👋" } }] });
    expect(await sent).toMatchObject({ path: "/v1/chat/completions", key: "k", model: "m" });
  });

  it("C4 gives every event when it comes: the first is read before the upstream sends the second", async () => {
    const here = place();
    const second = gate();
    here.upstream.reply(
      stream([chunk({ content: "first " }), second, chunk({ content: "second" }, { finish: "stop" })]),
    );
    const response = await chat(here.url, { stream: true });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const events = readEvents(response);
    const first = await events.next();
    second.open();
    const rest = await Array.fromAsync(events);
    expect(first.value?.data).toContain("first ");
    expect(rest.at(-1)?.data).toBe("[DONE]");
    expect(textOfEvents(rest)).toBe("second");
  });

  it("C1 tells the upstream of a client that leaves before the answer", async () => {
    const here = place();
    here.upstream.reply(silence());
    const sent = next(here);
    const leave = new AbortController();
    const pending = chat(here.url, {}, { signal: leave.signal });
    const request = await sent;
    leave.abort();
    await expect(pending).rejects.toThrow(/abort/i);
    expect(await request.closed).toBe("client");
  });

  it("C4 tells the upstream of a client that leaves in the middle of a stream", async () => {
    const here = place();
    here.upstream.reply(stream([chunk({ content: "a" }), gate()]));
    const sent = next(here);
    const leave = new AbortController();
    const events = readEvents(await chat(here.url, { stream: true }, { signal: leave.signal }));
    await events.next();
    leave.abort();
    await expect(events.next()).rejects.toThrow(/abort/i);
    expect(await (await sent).closed).toBe("client");
  });

  it("passes a body of one megabyte as it is, with and without its length", async () => {
    const here = place();
    const body = (model: string): string =>
      `{"model":"${model}","seed":12345678901234567890,"messages":[{"role":"user","content":"${"é🙂x".repeat(150_000)}"}]}`;
    expect(Buffer.byteLength(body("lab/m"))).toBeGreaterThan(1_000_000);
    for (const init of [{}, { body: new Blob([body("lab/m")]).stream(), duplex: "half" }]) {
      here.upstream.reply(answer());
      const sent = next(here);
      const response = await chat(here.url, body("lab/m"), init as RequestInit);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
      expect((await sent).body === body("m")).toBe(true);
    }
  });

  it("refuses in JSON, whatever the host would say", async () => {
    const { url } = place();
    const refusals = [
      { response: await chat(url, "{"), status: 400, code: "invalid_json" },
      { response: await chat(url, { model: "nobody/x" }), status: 404, code: "model_not_found" },
      { response: await fetch(`${url}/v1/nothing`), status: 404, code: "not_found" },
      { response: await fetch(`${url}/v1/chat/completions`), status: 405, code: "method_not_allowed" },
    ];
    for (const { response, ...expected } of refusals) {
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect({ status: response.status, code: error.code }).toEqual(expected);
      expect(error.message).not.toBe("");
    }
  });

  it("gives the upstream's refusal with its status and words", async () => {
    const { url, upstream } = place();
    upstream.reply(status(400, { error: { message: "temperature is too high", type: "invalid_request_error" } }));
    const response = await chat(url, { temperature: 9 });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining("temperature is too high") },
    });
  });

  it("answers below its path only, with queries and escaped names; the rest stays the host's", async () => {
    const { url } = place();
    const bare = (await (await fetch(`${url}/v1/models?enriched=false`)).json()) as { data: object[] };
    expect(bare.data.map((model) => Object.keys(model))).toEqual([["id", "object", "created", "owned_by"]]);
    for (const name of ["lab/x/y", "lab%2Fx%2Fy"]) {
      expect(await (await fetch(`${url}/v1/models/${name}`)).json()).toMatchObject({ id: "lab/x/y" });
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const { origin } = new URL(url);
    expect(await (await fetch(`${origin}/own`)).text()).toBe("own");
    expect((await fetch(`${origin}/v1/models`)).status).toBe(404);
  });

  it("keeps twenty requests at a time apart", async () => {
    const { url, upstream } = place();
    const words = Array.from({ length: 20 }, (_, index) => `word-${index}`);
    for (const word of words) upstream.when((request) => request.body.includes(`"${word}"`), answer({ text: word }));
    const texts = words.map(async (user, index) => {
      const response = await chat(url, { user, stream: index % 2 === 0 });
      if (index % 2 === 0) return textOfEvents(await allEvents(response));
      const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
      return choices[0]?.message.content;
    });
    expect(await Promise.all(texts)).toEqual(words);
  });
}
