import { defineConfig } from "waygate";
import { openrouter } from "waygate/plugins/openrouter";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [openrouter({ appURL: "https://app.example", appName: "My app" }), resilience()], // OPENROUTER_API_KEY
  models: { sonnet: "openrouter/anthropic/claude-sonnet-4" },
});
