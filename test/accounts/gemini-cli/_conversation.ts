/** A model of the fake that talks: it calls the first tool it is given twice, and then says what that gave. */
import type { GoogleFake, Step } from "../_google/google.ts";
import { callsTools, says } from "../_google/replies.ts";
import { type Fields, isFields, listOf } from "../_google/types.ts";

export const greeting = "Grüße aus der Ferne 👋";
export const thought = "The user says hello.";

export function conversation(google: GoogleFake): Step {
  return ({ model, request }) => {
    const results = answersIn(request);
    if (results.length > 0) return says(`The tools say: ${results.join(", ")}`, "Now I know.");
    const [name] = namesOf(request);
    if (name === undefined) return says(greeting, thought);
    const calls = ["Köln", "Oslo"].map((city) => ({ name, args: { city } }));
    return callsTools(calls, google.sign(model));
  };
}

/** Tools as the model knows them. */
export function namesOf(request: Fields): readonly string[] {
  return listOf(request["tools"]).flatMap((tool) =>
    listOf(isFields(tool) ? tool["functionDeclarations"] : []).map((one) => String(isFields(one) ? one["name"] : "")),
  );
}

/** What the tools gave, in the last turn. */
function answersIn(request: Fields): readonly string[] {
  const last = listOf(request["contents"]).at(-1);
  return listOf(isFields(last) ? last["parts"] : []).flatMap((part) => {
    const answer = isFields(part) ? part["functionResponse"] : undefined;
    if (!isFields(answer) || !isFields(answer["response"])) return [];
    return [String(Object.values(answer["response"])[0])];
  });
}

/** The calls of the model's turns, as they came back: name and whether the first of them is signed. */
export function callsBack(request: Fields): readonly { readonly name: string; readonly signature: unknown }[] {
  return listOf(request["contents"]).flatMap((content) =>
    listOf(isFields(content) ? content["parts"] : []).flatMap((part) => {
      const call = isFields(part) ? part["functionCall"] : undefined;
      if (!isFields(part) || !isFields(call)) return [];
      return [{ name: String(call["name"]), signature: part["thoughtSignature"] }];
    }),
  );
}
