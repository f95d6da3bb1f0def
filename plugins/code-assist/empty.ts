/** An answer that says nothing, or whose call the service could not read, is a failure as long as nobody has seen it. */
import { type Attempt, type Json, ProxyError, type Rewriter } from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";

/** The public code of such a failure, by which the provider knows its own. */
export const emptyAnswer = "empty_answer";

/** Ends without a reason of its own. */
const plainEnd = /"finishReason"\s*:\s*"(?:STOP|OTHER|FINISH_REASON_UNSPECIFIED)"/;
const givenUp =
  /"finishReason"\s*:\s*"((?:MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS|MISSING_THOUGHT_SIGNATURE))"/;
const more = /"(?:functionCall|inlineData|fileData|executableCode|codeExecutionResult|toolCall)"\s*:/;
const words = /"text"\s*:\s*"[^"]/;
const thought = /"thought"\s*:\s*true/;

/** Throws a `ProxyError` with the code above; before anything was sent the request is then tried again. */
export function refuseEmpty(attempt: Attempt): Rewriter {
  let said = false;
  const look = (data: string): void => {
    if (said) return;
    said = says(data);
    if (said || attempt.committed) return;
    const word = givenUp.exec(data)?.[1];
    if (word !== undefined) throw failure(`The model's answer was given up: ${word}.`);
    if (plainEnd.test(data)) throw failure("The model gave an empty answer.");
  };
  return {
    message(message) {
      look(message.data);
      return message;
    },
    body(text) {
      look(text);
      return text;
    },
  };
}

function failure(message: string): ProxyError {
  return new ProxyError({ kind: "upstream", scope: "request", code: emptyAnswer, message });
}

/** Something for the user: a text that is no thought, a call, a picture. */
function says(data: string): boolean {
  if (more.test(data)) return true;
  if (!words.test(data)) return false;
  return !thought.test(data) || hasWords(parseObject(data));
}

function hasWords(json: Json | undefined): boolean {
  if (!isObject(json) || !Array.isArray(json["candidates"])) return false;
  return (json["candidates"] as readonly Json[]).some((candidate) => {
    const content = isObject(candidate) ? candidate["content"] : undefined;
    const parts = isObject(content) && Array.isArray(content["parts"]) ? (content["parts"] as readonly Json[]) : [];
    return parts.some(
      (part) => isObject(part) && part["thought"] !== true && typeof part["text"] === "string" && part["text"] !== "",
    );
  });
}
