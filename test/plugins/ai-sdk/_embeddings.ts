/** An upstream that makes vectors (OpenAI API reference, "Embeddings"): the length of each text, and a half. */
import { status, type Step } from "waygate/testing";

export const embeddingsAnswer: Step = ({ json }) => {
  const inputs = json["input"] as readonly string[];
  return status(200, {
    object: "list",
    data: inputs.map((text, index) => ({ object: "embedding", index, embedding: [text.length, 0.5] })),
    model: "m",
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
};
