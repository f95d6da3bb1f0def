import { defineConfig } from "waygate";
import { gemini } from "waygate/plugins/gemini";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [gemini(), resilience()], // GEMINI_API_KEY, else GOOGLE_API_KEY
  models: { flash: "gemini/gemini-2.5-flash" },
});
