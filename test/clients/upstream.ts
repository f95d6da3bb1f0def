/** The model of the script: calls the tool that reads the file, then says what the tool gave back. */
import { createUpstream, status, type ScriptRequest, type Step, type Upstream } from "waygate/testing";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";
import { type Client } from "./clients.ts";

export interface ScriptedModel {
  readonly upstream: Upstream;
  /** Whether a tool's result with the word in it came back. */
  readonly seen: { called: boolean; result: string | undefined; side: number };
}

export async function scriptedModel(
  protocol: ProtocolId,
  client: Client,
  secret: { readonly file: string; readonly word: string },
): Promise<ScriptedModel> {
  const wire = wires[protocol];
  const seen: ScriptedModel["seen"] = { called: false, result: undefined, side: 0 };
  const choose = (request: ScriptRequest): Step => {
    if (request.method !== "POST") return status(404, { error: { message: "no such page" } });
    const body = request.json;
    const results = wire.resultsOf(body);
    const result = results.at(-1)?.text;
    if (result !== undefined) {
      seen.result = result;
      const said = result.includes(secret.word) ? `The word is ${secret.word}.` : "The tool did not show the word.";
      return wire.says({ text: said });
    }
    for (const tool of wire.toolsOf(body)) {
      const args = client.reads(tool, secret.file);
      if (args === undefined) continue;
      seen.called = true;
      return wire.says({
        reasoning: "The file has to be read first. ",
        text: "I read the file. ",
        calls: [{ id: "call_read1", name: tool.name, args }],
      });
    }
    // Clients ask for titles and summaries beside the turn; those have no tools.
    seen.side++;
    return wire.says({ text: "Reading a file" });
  };
  return { upstream: await createUpstream({ step: choose, base: wire.base }), seen };
}
