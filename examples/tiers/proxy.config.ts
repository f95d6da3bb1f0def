import { defineConfig } from "waygate";
import { cerebras } from "waygate/plugins/cerebras";
import { groq } from "waygate/plugins/groq";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
import { together } from "waygate/plugins/together";

/** Ask for `groq/openai/gpt-oss-120b`: the free keys serve it while they can, then the paid one does. */
export default defineConfig({
  plugins: [
    proxyKey(),
    groq({ models: ["openai/gpt-oss-120b"] }), // GROQ_API_KEY, GROQ_API_KEY_1, …
    cerebras({ models: ["gpt-oss-120b"] }), // CEREBRAS_API_KEY; vendor prefixes are not compared
    together({ models: ["openai/gpt-oss-120b"] }), // TOGETHER_API_KEY
    tiers([["groq", "cerebras"], ["together"]], { names: ["free", "paid"] }),
    resilience(),
  ],
});
