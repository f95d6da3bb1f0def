/** A model of the fake that talks: it calls the first tool it is given twice, and then says what that gave. */
import type { GoogleFake, Thinker } from "./google.ts";
import { callingThought, callsTools, claudeCalls, says, signedLate } from "./replies.ts";
import { type Fields, isFields, listOf } from "./types.ts";
import { familyOf } from "./validate.ts";

export const greeting = "Grüße aus der Ferne 👋";
export const thought = "The user says hello.";
/** In the user's words: the tool is called once more, behind what it gave first. */
export const further = "and Bergen";
/** The same: calls that are signed late, and that all have one id. */
export const late = "and late";

export function conversation(google: GoogleFake): Thinker {
  return ({ model, request }) => {
    const results = answersIn(request);
    const [name] = namesOf(request);
    const { words, steps } = turnOf(request);
    const more = words.includes(further) && steps === 1;
    if (results.length > 0 && !more) return says(`The tools say: ${results.join(", ")}`, "Now I know.");
    if (name === undefined) return says(greeting, thought);
    const calls = (more ? ["Bergen"] : ["Köln", "Oslo"]).map((city) => ({ name, args: { city } }));
    const signature = google.sign(model, callingThought);
    if (words.includes(late) && familyOf(model) !== "claude") {
      return signedLate(
        calls.map((call) => ({ ...call, id: name })),
        signature,
      );
    }
    return familyOf(model) === "claude" ? claudeCalls(calls, signature) : callsTools(calls, signature);
  };
}

/** The user's latest words, and how often tools have answered since. */
function turnOf(request: Fields): { readonly words: string; readonly steps: number } {
  const turns = listOf(request["contents"]).filter((each) => isFields(each) && each["role"] !== "model") as Fields[];
  const textOf = (turn: Fields): string =>
    listOf(turn["parts"])
      .map((part) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : ""))
      .join("");
  const at = turns.findLastIndex((turn) => textOf(turn) !== "");
  return { words: at < 0 ? "" : textOf(turns[at]!), steps: turns.length - 1 - at };
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
