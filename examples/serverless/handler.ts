import { createProxy } from "waygate";
import { openai } from "waygate/plugins/openai";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";

const proxy = createProxy({ plugins: [proxyKey(), openai(), resilience()] }); // PROXY_API_KEY, OPENAI_API_KEY

/** For platforms that call what a module exports as `fetch`. Nothing is read from disk or written to it. */
export const { fetch } = proxy;

/** For those that want it in an object. */
export default { fetch };
