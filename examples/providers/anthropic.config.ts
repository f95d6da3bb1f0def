import { defineConfig } from "waygate";
import { anthropic } from "waygate/plugins/anthropic";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [anthropic(), resilience()], // ANTHROPIC_API_KEY
  models: { sonnet: "anthropic/claude-sonnet-5" },
});
