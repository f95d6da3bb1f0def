import { defineConfig } from "waygate";
import { deepseek } from "waygate/plugins/deepseek";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [deepseek({ tier: 1 }), resilience()], // DEEPSEEK_API_KEY
  models: { thinker: "deepseek/deepseek-reasoner" },
});
