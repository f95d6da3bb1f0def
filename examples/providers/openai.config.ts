import { defineConfig } from "waygate";
import { openai } from "waygate/plugins/openai";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [openai(), resilience()], // OPENAI_API_KEY, or OPENAI_API_KEY_1, OPENAI_API_KEY_2, …
  models: { small: "openai/gpt-5-mini" },
});
