/** What the service had when it was last looked at. */
export const models: readonly string[] = [
  ...["glm-4.6", "glm-4.7", "glm-5", "minimax-m2", "minimax-m2.1"],
  ...["kimi-k2", "kimi-k2-0905", "kimi-k2-thinking", "kimi-k2.5"],
  ...["qwen3-coder-plus", "qwen3-max", "qwen3-max-preview", "qwen3-vl-plus"],
  ...["qwen3-235b", "qwen3-235b-a22b-thinking-2507", "qwen3-235b-a22b-instruct"],
  ...["deepseek-v3.2", "deepseek-v3.2-reasoner", "deepseek-v3.2-chat", "deepseek-v3.1", "deepseek-v3", "deepseek-r1"],
  "iflow-rome",
];
