/** What `npx proxy start` runs in this repository: needs no key and no network. */
import { defineConfig } from "waygate";
import { echo } from "waygate/plugins/echo";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  plugins: [proxyKey(), resilience(), echo()],
  models: {
    smart: "echo/echo",
    "fast/*": "echo/*",
  },
});
