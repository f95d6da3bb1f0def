import { defineConfig } from "waygate";
import { groq } from "waygate/plugins/groq";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [groq({ concurrency: 2, timeouts: { firstToken: 10_000 } }), resilience()], // GROQ_API_KEY
  models: { fast: ["groq/llama-3.3-70b-versatile", "groq/llama-3.1-8b-instant"] },
});
