/** A proxy with accounts of Qwen Code before the fake of Qwen. */
import type { AccountFields, KeyInput } from "waygate";
import { qwenCode, type QwenCodeOptions } from "waygate/plugins/qwen-code";
import { chatLab, type ChatLab, type ChatLabOptions } from "../_chat-lab.ts";
import { createQwen, type QwenFake } from "./_qwen.ts";

export interface QwenLabOptions extends Partial<Omit<ChatLabOptions, "accounts" | "plugin">> {
  /** Addresses of accounts that have signed in, or what their files hold. */
  accounts?(qwen: QwenFake): readonly AccountFields[];
  readonly qwen?: Omit<QwenCodeOptions, "name" | "models" | "keys"> & { readonly keys?: readonly KeyInput[] };
}

export type QwenLab = ChatLab & { readonly qwen: QwenFake };

export async function lab({ accounts, qwen: options = {}, ...rest }: QwenLabOptions = {}): Promise<QwenLab> {
  const qwen = await createQwen();
  const it = await chatLab({
    model: "qwen_code/qwen3-coder-plus",
    ...rest,
    accounts: accounts?.(qwen) ?? [qwen.signedIn("a@example.com")],
    plugin: (store) => qwenCode({ ...settings(qwen), keys: [], store, discover: false, ...options }),
  });
  return {
    ...it,
    qwen,
    async [Symbol.asyncDispose]() {
      await it[Symbol.asyncDispose]();
      await qwen[Symbol.asyncDispose]();
    },
  };
}

/** The addresses of the fake. */
export function settings(qwen: QwenFake): Pick<QwenCodeOptions, "baseURL" | "deviceURL" | "tokenURL" | "allowedHosts"> {
  return {
    baseURL: `${qwen.url}/v1`,
    deviceURL: `${qwen.url}/api/v1/oauth2/device/code`,
    tokenURL: `${qwen.url}/api/v1/oauth2/token`,
    allowedHosts: [qwen.host],
  };
}
