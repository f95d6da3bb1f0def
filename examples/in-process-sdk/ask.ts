import OpenAI from "openai";
import { createProxy } from "waygate";
import { groq } from "waygate/plugins/groq";
import { openai } from "waygate/plugins/openai";
import { resilience } from "waygate/plugins/resilience";

const proxy = createProxy({
  plugins: [groq(), openai(), resilience()], // GROQ_API_KEY, OPENAI_API_KEY
  models: { smart: ["groq/llama-3.3-70b-versatile", "openai/gpt-5-mini"] },
});

// No port is opened: the client's requests go straight into the proxy. The address only has to be one.
const client = new OpenAI({ baseURL: "http://waygate.localhost/v1", apiKey: "none", fetch: proxy.fetch });

/** One question, answered by the first provider that can. */
export async function ask(question: string): Promise<string | null | undefined> {
  const messages = [{ role: "user" as const, content: question }];
  const { choices } = await client.chat.completions.create({ model: "smart", messages });
  return choices[0]?.message.content;
}
