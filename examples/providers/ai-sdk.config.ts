import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { defineConfig } from "waygate";
import { aiSdk } from "waygate/plugins/ai-sdk";
import { resilience } from "waygate/plugins/resilience";

const lab = createOpenAICompatible({
  name: "lab",
  baseURL: process.env["LAB_API_BASE"] ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env["LAB_API_KEY"],
  includeUsage: true,
});

export default defineConfig({
  plugins: [aiSdk(lab, { models: ["llama"] }), resilience()],
});
