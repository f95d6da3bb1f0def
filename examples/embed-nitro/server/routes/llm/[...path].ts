import { defineHandler } from "nitro";
import { createProxy } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";

const proxy = createProxy({
  base: "/llm", // where this file lies: Nitro leaves the prefix on
  plugins: [openaiCompatible({ name: "lab", models: ["llama-3.3-70b"] })], // LAB_API_BASE, LAB_API_KEY
});

export default defineHandler((event) => proxy.fetch(event.req));
