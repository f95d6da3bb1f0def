/** Servers of chat completions mostly serve their forerunner, `POST /v1/completions`, too. */
import type { OpenAICompatibleOptions } from "./options.ts";

const chat = "openai-chat";
const completions = "openai-completions";

type Spoken = string | ((model: string, client: string) => string);

/** What a provider speaks: for a client of the forerunner the forerunner itself, where chat would be spoken otherwise. */
export function withCompletions(options: Pick<OpenAICompatibleOptions, "protocol" | "completions">): Spoken {
  const { protocol = chat } = options;
  if (options.completions === false || (typeof protocol === "string" && protocol !== chat)) return protocol;
  const usual = typeof protocol === "string" ? () => protocol : protocol;
  return (model, client) => {
    if (client !== completions) return usual(model, client);
    const spoken = usual(model, chat);
    return spoken === chat ? completions : spoken;
  };
}
