/** One model with every effort, each with tools, with tools and a format, and with a format alone. */
import { expect } from "vitest";
import type { GoogleLab } from "./lab.ts";

const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tool = (name: string, parameters?: object): object => ({
  type: "function",
  function: { name, description: `Does ${name}.`, ...(parameters && { parameters }) },
});
const response_format = {
  type: "json_schema",
  json_schema: { name: "place", schema: { ...city, additionalProperties: false }, strict: true },
};
const bodies = [
  { tools: [tool("look", city), tool("bare")] },
  { tools: [tool("look", city)], response_format, max_tokens: 3000, temperature: 0.2, top_k: 5, stop: ["x"] },
  { response_format },
];
const efforts = [undefined, "none", "minimal", "low", "medium", "high", "xhigh"];

/** Nothing is sent that the service refuses. `model` has the provider's name in front. */
export async function asksWithEveryEffort(it: GoogleLab, model: string): Promise<void> {
  for (const effort of efforts) {
    for (const body of bodies) {
      const asked = { model, ...body, ...(effort !== undefined && { reasoning_effort: effort }) };
      const { status } = await it.ask(asked);
      expect([asked, status, it.google.refused]).toEqual([asked, 200, []]);
    }
  }
}
