import { describe, expect, it } from "vitest";
import type { GenerateRequest, Message } from "waygate";
import { fitTools } from "../../src/protocols/fit-tools.ts";

const rules = { name: { forbidden: /[^\w-]/g, max: 20 }, id: { forbidden: /[^\w-]/g, max: 20 } };

function call(id: string, name = "f"): Message {
  return { role: "assistant", parts: [{ type: "tool-call", id, name, input: "{}" }] };
}

function result(id: string): Message {
  return { role: "user", parts: [{ type: "tool-result", id, content: [] }] };
}

function request(messages: readonly Message[], more: Partial<GenerateRequest> = {}): GenerateRequest {
  return { model: "m", stream: false, messages, ...more };
}

const tool = (name: string) => ({ type: "function" as const, name, schema: {} });

function idsOf({ messages }: GenerateRequest): readonly string[] {
  return messages.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === "tool-call" || part.type === "tool-result" ? [part.id] : [])),
  );
}

describe("names of tools", () => {
  it("a request that fits stays the very same", () => {
    const given = request([call("a"), result("a")], { tools: [tool("f")] });
    expect(fitTools(given, rules)).toEqual({ request: given, names: undefined });
    expect(fitTools(given, rules).request).toBe(given);
  });

  it("a name is changed in declarations, calls and the choice alike, and can be found again", () => {
    const given = request([call("a", "ns.get:item")], {
      tools: [tool("ns.get:item"), tool("other")],
      toolChoice: { name: "ns.get:item" },
    });
    const { request: sent, names } = fitTools(given, rules);
    expect(sent.tools?.map(({ name }) => name)).toEqual(["ns_get_item", "other"]);
    expect(sent.messages[0]?.parts[0]).toMatchObject({ name: "ns_get_item" });
    expect(sent.toolChoice).toEqual({ name: "ns_get_item" });
    expect(names?.get("ns_get_item")).toBe("ns.get:item");
  });

  it("names that become the same or are too long stay apart", () => {
    const long = "a".repeat(30);
    const given = request([], { tools: [tool("a.b"), tool("a_b"), tool("a:b"), tool(`${long}1`), tool(`${long}2`)] });
    const sent = fitTools(given, rules).request.tools?.map(({ name }) => name) ?? [];
    expect(new Set(sent).size).toBe(5);
    expect(sent[1]).toBe("a_b");
    for (const name of sent) expect(name).toMatch(/^[\w-]{1,20}$/);
  });
});

describe("ids of tool calls", () => {
  it("F5 ids fit the target's characters, the same in every turn, and results follow their calls", () => {
    const given = request([call("call|1/é"), result("call|1/é")]);
    const first = idsOf(fitTools(given, rules).request);
    expect(first[0]).toMatch(/^[\w-]{1,20}$/);
    expect(first[1]).toBe(first[0]);
    const later = request([...given.messages, call("x"), result("x")]);
    expect(idsOf(fitTools(later, rules).request).slice(0, 2)).toEqual(first);
  });

  it("F5 an id used for several calls becomes one id per call, and each result goes to its own", () => {
    const given = request([call("c0"), result("c0"), call("c0"), result("c0")]);
    const [one, itsResult, two, otherResult] = idsOf(fitTools(given, rules).request);
    expect([itsResult, otherResult]).toEqual([one, two]);
    expect(one).not.toBe(two);
  });

  it("F5 parallel calls of one id get their results in order", () => {
    const both: Message = {
      role: "assistant",
      parts: [call("c").parts[0]!, call("c").parts[0]!],
    };
    const ids = idsOf(fitTools(request([both, result("c"), result("c")]), rules).request);
    expect(ids.slice(2)).toEqual(ids.slice(0, 2));
    expect(new Set(ids).size).toBe(2);
  });
});
