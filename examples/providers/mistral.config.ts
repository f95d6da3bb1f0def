import { defineConfig } from "waygate";
import { mistral } from "waygate/plugins/mistral";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [mistral({ models: ["mistral-small-latest"] }), resilience()], // MISTRAL_API_KEY; lists this model only
});
