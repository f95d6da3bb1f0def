import { fromNodeMiddleware } from "h3"; // h3 1: name it in your package.json, so that Nitro 2 does not find waygate's
import { createProxy, toNodeHandler } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";

const proxy = createProxy({
  base: "/llm", // where this file lies: Nitro leaves the prefix on
  plugins: [openaiCompatible({ name: "lab", models: ["llama-3.3-70b"] })], // LAB_API_BASE, LAB_API_KEY
});

export default fromNodeMiddleware(toNodeHandler(proxy));
