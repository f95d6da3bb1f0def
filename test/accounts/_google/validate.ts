/** What the service checks of a request, and how it refuses it. */
import { claudeFault } from "./claude-check.ts";
import type { Flavor } from "./flavors.ts";
import { unknownKeyword } from "./schema-check.ts";
import { type Answer, failure, type Fields, isFields, listOf } from "./types.ts";

const invalid = (message: string, field?: string): Answer =>
  failure(
    400,
    "INVALID_ARGUMENT",
    message,
    field === undefined
      ? undefined
      : [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field, description: message }] }],
  );

const unknownName = (name: string, place: string): Answer =>
  invalid(`Invalid JSON payload received. Unknown name "${name}" at '${place}': Cannot find field.`, place);

const fields: ReadonlySet<string> = new Set([
  ...["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "labels"],
]);

export interface Signatures {
  /** Which family of models made it, and of which words if that matters; `undefined` for one that nobody made. */
  made(signature: string): { readonly family: string; readonly thought: string | undefined } | undefined;
}

/** Stands for a signature, with Gemini's models alone. */
const stand = "skip_thought_signature_validator";

export function familyOf(model: string): string {
  return /claude/.test(model) ? "claude" : /gpt/.test(model) ? "gpt" : "gemini";
}

/** The refusal of an envelope and of what is in it; `undefined` when all is well. */
export function faultIn(body: unknown, flavor: Flavor, signatures: Signatures): Answer | undefined {
  if (!isFields(body)) return invalid("Invalid JSON payload received.");
  const extra = Object.keys(body).find((name) => !flavor.envelope.includes(name));
  if (extra !== undefined) return unknownName(extra, "");
  const { model, project, request } = body;
  if (typeof model !== "string" || model === "") return invalid("model is required", "model");
  if (typeof project !== "string" || project === "") {
    return failure(403, "PERMISSION_DENIED", "The consumer is invalid.", [
      { reason: "CONSUMER_INVALID", domain: "googleapis.com" },
    ]);
  }
  if (!isFields(request)) return invalid("request is required", "request");
  const other = Object.keys(request).find((name) => !fields.has(name) && !flavor.request.includes(name));
  if (other !== undefined) return unknownName(other, "request");
  if (request["systemInstruction"] !== undefined && !isFields(request["systemInstruction"])) {
    return invalid("Invalid value at 'request.system_instruction'", "request.system_instruction");
  }
  return (
    flavor.check?.(body) ??
    faultInTurns(request) ??
    faultInConfig(model, request) ??
    faultInTools(model, request, flavor) ??
    (familyOf(model) === "claude" ? claudeFault(request, signatures) : undefined) ??
    (/gemini-(?:3|pro-agent)/.test(model) ? faultInSignatures(request, signatures) : undefined)
  );
}

const parts = (content: unknown): readonly Fields[] =>
  isFields(content) ? listOf(content["parts"]).filter(isFields) : [];
const calls = (content: unknown): readonly Fields[] =>
  parts(content).filter((part) => part["functionCall"] !== undefined);
const answers = (content: unknown): readonly Fields[] =>
  parts(content).filter((part) => part["functionResponse"] !== undefined);

function faultInTurns({ contents }: Fields): Answer | undefined {
  const list = listOf(contents);
  if (list.length === 0) return invalid("contents are required", "request.contents");
  for (const [at, content] of list.entries()) {
    if (!isFields(content) || parts(content).length === 0) {
      return invalid(`* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.`);
    }
    const strange = parts(content)
      .flatMap(Object.keys)
      .find((key) => !partKeys.has(key));
    if (strange !== undefined) return unknownName(strange, `request.contents[${at}].parts[0]`);
    const wrong = parts(content).map(faultInCalls).find(Boolean);
    if (wrong) return wrong;
    const before = list[at - 1];
    const waiting = at === 0 ? 0 : calls(before).length;
    if (at === 0 && content["role"] === "model") return invalid("Please ensure that the first turn is a user turn.");
    const given = answers(content).length;
    if (waiting !== given) {
      return invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
      );
    }
    if (given > 0 && given !== parts(content).length)
      return invalid("Function responses must stand alone in their turn.");
    if (calls(content).length > 0 && isFields(before) && before["role"] === "model") {
      return invalid(
        "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
      );
    }
  }
  return calls(list.at(-1)).length > 0
    ? invalid("Please ensure that function call turn is followed by its responses.")
    : undefined;
}

/** Names as in declarations, arguments and answers as objects. */
function faultInCalls(part: Fields): Answer | undefined {
  for (const [kind, key] of [
    ["functionCall", "args"],
    ["functionResponse", "response"],
  ] as const) {
    const value = part[kind];
    if (value === undefined) continue;
    if (!isFields(value) || !functionName.test(String(value["name"] ?? ""))) return invalid(`Invalid ${kind}.name`);
    const inner = value[key];
    if (inner === undefined ? kind === "functionResponse" : !isFields(inner)) return invalid(`Invalid ${kind}.${key}`);
  }
  return undefined;
}

const functionName = /^[a-zA-Z_][\w.:-]{0,63}$/;

const partKeys: ReadonlySet<string> = new Set([
  ...["text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse"],
  ...["executableCode", "codeExecutionResult", "videoMetadata", "mediaResolution", "partMetadata"],
]);

function faultInConfig(model: string, { generationConfig }: Fields): Answer | undefined {
  const config = isFields(generationConfig) ? generationConfig : {};
  if (config["presencePenalty"] !== undefined || config["frequencyPenalty"] !== undefined) {
    return invalid("Penalty is not enabled for this model");
  }
  const thinking = config["thinkingConfig"];
  if (!isFields(thinking)) return undefined;
  const { thinkingBudget: budget, thinkingLevel: level } = thinking;
  if (/gemma|image/.test(model)) return invalid("Thinking is not enabled for this model");
  if (budget !== undefined && level !== undefined) {
    return invalid("You can only set one of thinking budget and thinking level.");
  }
  if (level !== undefined && !levelsOf(model).includes(String(level).toLowerCase()))
    return invalid(`Thinking level ${String(level)} is not supported for this model.`);
  if (typeof budget !== "number" || (budget === -1 && familyOf(model) === "gemini")) return undefined;
  const [least, most] = budgetsOf(model);
  const isOff = budget === 0 && /flash/.test(model);
  return !isOff && (budget < least || budget > most)
    ? invalid(`The thinking budget ${budget} is out of range.`)
    : undefined;
}

/** Of generation 3 on, where the ids of agents do not tell it. */
function levelsOf(model: string): readonly string[] {
  if (!/gemini-(?:[3-9]|pro-agent)/.test(model)) return [];
  if (/flash/.test(model)) return ["minimal", "low", "medium", "high"];
  return /gemini-3-pro/.test(model) ? ["low", "high"] : ["low", "medium", "high"];
}

function budgetsOf(model: string): readonly [number, number] {
  if (/2\.5-pro/.test(model)) return [128, 32_768];
  if (/2\.5-flash-lite/.test(model)) return [512, 24_576];
  return /claude/.test(model) ? [1024, 32_768] : [1, /flash/.test(model) ? 24_576 : 32_768];
}

function faultInTools(model: string, request: Fields, { jsonSchemas }: Flavor): Answer | undefined {
  const declared = listOf(request["tools"]).flatMap((tool) =>
    listOf(isFields(tool) ? tool["functionDeclarations"] : []),
  );
  const config = isFields(request["generationConfig"]) ? request["generationConfig"] : {};
  if (declared.length > 0 && /gemini-2/.test(model) && config["responseMimeType"] === "application/json") {
    return invalid("Function calling with a response mime type: 'application/json' is unsupported");
  }
  for (const [at, tool] of declared.entries()) {
    const place = `request.tools[0].function_declarations[${at}]`;
    if (!isFields(tool)) return invalid(`Invalid value at '${place}'`, place);
    const extra = Object.keys(tool).find((key) => !declarationKeys.has(key));
    if (extra !== undefined) return unknownName(extra, place);
    const name = String(tool["name"] ?? "");
    if (!functionName.test(name)) return invalid(`Invalid function name '${name}'.`, `${place}.name`);
    const { parameters, parametersJsonSchema } = tool;
    if (parameters !== undefined && parametersJsonSchema !== undefined) {
      return invalid("parameters and parameters_json_schema are mutually exclusive.", place);
    }
    if (parametersJsonSchema !== undefined && !jsonSchemas) return unknownName("parametersJsonSchema", place);
    const found = unknownKeyword(parameters, `${place}.parameters`);
    if (found) return unknownName(found.name, found.field);
  }
  const names = declared.map((tool) => (isFields(tool) ? tool["name"] : ""));
  return new Set(names).size < names.length ? invalid("Duplicate function declaration found.") : undefined;
}

const declarationKeys: ReadonlySet<string> = new Set([
  ...["name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"],
]);

/** Of every step of the turn that runs, the first call has to be signed. */
function faultInSignatures({ contents }: Fields, signatures: Signatures): Answer | undefined {
  const list = listOf(contents);
  const lastWords = list.findLastIndex(
    (content) =>
      isFields(content) && content["role"] !== "model" && parts(content).some((part) => part["text"] !== undefined),
  );
  for (const [at, content] of list.entries()) {
    const steps = calls(content);
    for (const [position, part] of steps.entries()) {
      const signature = part["thoughtSignature"];
      if (at > lastWords && position === 0 && signature === undefined) {
        const { name } = part["functionCall"] as Fields;
        return invalid(
          `Function call is missing a thought_signature in functionCall parts. Function call \`default_api:${String(name)}\`, position ${at}.`,
        );
      }
      if (signature === undefined) continue;
      if (signature === stand && position > 0) return invalid("Thought signature is not valid.");
      if (signature !== stand && signatures.made(String(signature))?.family !== "gemini") {
        return invalid("Thought signature is not valid.");
      }
    }
  }
  return undefined;
}
