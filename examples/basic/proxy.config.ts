import { defineConfig } from "waygate";
import { groq } from "waygate/plugins/groq";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";

export default defineConfig({
  plugins: [
    proxyKey(), // PROXY_API_KEY: what your clients send
    groq(), // GROQ_API_KEY, GROQ_API_KEY_1, …
    openaiCompatible({ name: "lab", baseURL: "http://gpu-1:8000/v1", keyless: true, models: ["llama-3.3-70b"] }),
    tiers([["groq"], ["lab"]]), // groq first, the lab when groq cannot
    resilience(), // spread load over keys, rest those that fail
  ],
  models: {
    smart: ["groq/llama-3.3-70b-versatile", "lab/llama-3.3-70b"],
  },
});
