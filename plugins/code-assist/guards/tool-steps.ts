/** The measures against tools that are called with parameters they do not have, each with its switch. */
import type { JsonObject } from "waygate";
import { confirmedTools } from "./confirm.ts";
import { describedTools, usualDescription } from "./described.ts";
import { type NameRule, renamedTools } from "./names.ts";
import { repairedArguments } from "./repair.ts";
import { declarationsOf } from "./request.ts";
import { strictTools } from "./strict.ts";
import type { ToolStep } from "./tool-guard.ts";
import { hinted, instructed, steadied, usualInstruction, usualParallelHint } from "./words.ts";

/** False switches one off; a text takes the place of the usual one. */
export interface ToolGuardOptions {
  /** Put before the name of every tool, and taken off again in the answer. Default `gemini3_`. */
  readonly prefix?: string | false;
  /** Other names for some tools. */
  readonly renames?: { readonly [name: string]: string };
  /** The parameters in the description; `{params}` stands for them. */
  readonly describe?: boolean | string;
  /** Objects that list their properties have no others. */
  readonly strict?: boolean;
  /** Words about tools before those of the client. */
  readonly instruction?: boolean | string;
  /** Words that ask for independent calls to be made together. */
  readonly parallel?: boolean | string;
  /** Arguments that come as JSON in a text are read where the schema says a list or an object. */
  readonly repair?: boolean;
  /** Functions without parameters get one, which is taken out again. */
  readonly confirm?: boolean;
  /** The temperature is 1 where the client has set none. */
  readonly temperature?: boolean;
}

export interface ToolSteps extends ToolGuardOptions {
  /** The field in which the service takes schemas. */
  readonly key: "parameters" | "parametersJsonSchema";
  /** What the service needs of names, beside the prefix. */
  readonly names?: NameRule;
  /** What the service needs of schemas: done when they have been read and before anything is added to them. */
  readonly shape?: (request: JsonObject) => JsonObject;
}

/** The steps for a request with tools, in their order. What is not named is off. */
export function toolSteps(options: ToolSteps): readonly ToolStep[] {
  const { describe, instruction, parallel, shape, key } = options;
  const text = (value: boolean | string | undefined, usual: string): string | undefined =>
    value === true ? usual : value || undefined;
  const template = text(describe, usualDescription);
  const words = text(instruction, usualInstruction);
  const hint = text(parallel, usualParallelHint);
  const rule: NameRule = {
    ...options.names,
    ...(options.prefix && { prefix: options.prefix }),
    ...(options.renames && { renames: options.renames }),
  };
  const always: ToolStep | undefined = shape && ((request) => ({ request: shape(request) }));
  return [
    ...withTools(options.repair && repairedArguments),
    ...withTools(template !== undefined && ((request) => describedTools(request, template))),
    ...(always ? [always] : []),
    ...withTools(options.confirm && ((request) => confirmedTools(request, key))),
    ...withTools(options.strict && strictTools),
    ...withTools(options.temperature && steadied),
    ...withTools(hint !== undefined && ((request) => hinted(request, hint))),
    ...withTools(words !== undefined && ((request) => instructed(request, words))),
    // Names in a history are renamed though nothing is declared any more.
    (request) => renamedTools(request, rule),
  ];
}

/** A step for requests that declare functions; none where it is not wanted. */
function withTools(step: ToolStep | false | undefined): readonly ToolStep[] {
  return step ? [(request) => (declarationsOf(request).length > 0 ? step(request) : { request })] : [];
}

/** All of them, as for Gemini 3. */
export const allGuards: Required<Omit<ToolGuardOptions, "renames">> = {
  prefix: "gemini3_",
  describe: true,
  strict: true,
  instruction: true,
  parallel: true,
  repair: true,
  confirm: true,
  temperature: true,
};
