import { describe, expect, it } from "vitest";
import { openaiCompatible } from "../../plugins/openai-compatible/index.ts";
import { mistral } from "../../plugins/mistral/index.ts";

type Made = {
  readonly providers?: readonly [{ readonly protocol: string | ((model: string, client: string) => string) }];
};

function spoken({ providers }: Made, client: string): string {
  const { protocol } = providers![0];
  return typeof protocol === "string" ? protocol : protocol("m", client);
}

describe("legacy completions at a compatible server", () => {
  const base = { name: "local", baseURL: "http://127.0.0.1:1/v1", keyless: true, models: [] } as const;

  it("are spoken to the clients that speak them, and chat to all others", () => {
    const plugin = openaiCompatible(base);
    expect(spoken(plugin, "openai-completions")).toBe("openai-completions");
    expect(spoken(plugin, "openai-chat")).toBe("openai-chat");
    expect(spoken(plugin, "anthropic")).toBe("openai-chat");
  });

  it("are left out where the server does not have them or speaks no chat", () => {
    expect(spoken(openaiCompatible({ ...base, completions: false }), "openai-completions")).toBe("openai-chat");
    expect(spoken(openaiCompatible({ ...base, protocol: "anthropic" }), "openai-completions")).toBe("anthropic");
    expect(spoken(mistral({ keys: "k" }), "openai-completions")).toBe("openai-chat");
  });

  it("follow a choice of protocols that would be chat", () => {
    const several = openaiCompatible({
      ...base,
      protocol: (_model, client) => (client === "anthropic" ? "anthropic" : "openai-chat"),
    });
    expect(spoken(several, "openai-completions")).toBe("openai-completions");
    expect(spoken(several, "anthropic")).toBe("anthropic");
  });
});
