/** Puter answers from a stand-in when it suspects abuse, and says so only in the answer's metadata. */
import type { Rewriter } from "waygate";

const isFake = (text: string): boolean => /"service_used"\s*:\s*"fake-chat"/.test(text);

const refusal = JSON.stringify({
  error: { message: "Puter answered from its stand-in model instead of the one asked for.", code: "fake_answer" },
});

/** Turns such an answer into an error, so that somebody else is asked. */
export function refuseFakes(): Rewriter {
  return {
    message: (message) => (isFake(message.data) ? { data: refusal } : message),
    body: (text) => (isFake(text) ? refusal : text),
  };
}
