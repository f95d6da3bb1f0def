/** The protocols that are there without a plugin. */
import { openaiChat } from "./openai-chat/index.ts";
import type { Protocol } from "./types.ts";

export const shippedProtocols: readonly Protocol[] = [openaiChat];
