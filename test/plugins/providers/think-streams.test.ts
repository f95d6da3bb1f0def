import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { allEvents, answer, createTestProxy, createUpstream, type TestProxy, type Upstream } from "waygate/testing";

interface Delta {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
}

describe("a provider with think: true", () => {
  let upstream: Upstream;
  let proxy: TestProxy;
  const thinking = { reasoning: ["first ", "this"], text: ["then ", "that"], reasoningIn: "think" } as const;

  beforeAll(async () => {
    upstream = await createUpstream();
    const plugin = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"], think: true });
    proxy = await createTestProxy({ plugins: [plugin] });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });

  it.each(["whole", "byte", 3] as const)(
    "gives streamed reasoning in its own field, in pieces of: %s",
    async (chunk) => {
      upstream.always(answer(thinking, { chunk }));
      const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
      const deltas = events
        .filter(({ data }) => data !== "[DONE]")
        .map(({ data }) => (JSON.parse(data) as { choices: { delta: Delta }[] }).choices[0]?.delta);
      expect(
        deltas
          .map((delta) => delta?.reasoning_content ?? "")
          .join("")
          .trim(),
      ).toBe("first this");
      expect(
        deltas
          .map((delta) => delta?.content ?? "")
          .join("")
          .trim(),
      ).toBe("then that");
    },
  );

  it("does the same to a whole answer", async () => {
    upstream.always(answer(thinking));
    const { choices } = (await (await proxy.chat({ model: "lab/m" })).json()) as { choices: { message: Delta }[] };
    const { content, reasoning_content } = choices[0]!.message;
    expect([content?.trim(), reasoning_content?.trim()]).toEqual(["then that", "first this"]);
  });
});
