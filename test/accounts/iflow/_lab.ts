/** A proxy with accounts of iFlow before the fake of it. */
import type { AccountFields, KeyInput, LoginPerson } from "waygate";
import { iflow, type IflowOptions } from "waygate/plugins/iflow";
import { chatLab, type ChatLab, type ChatLabOptions } from "../_chat-lab.ts";
import { quickContext, testPerson, type TestPerson } from "../oauth/_person.ts";
import { createIflow, type IflowFake, secret } from "./_iflow.ts";

export interface IflowLabOptions extends Partial<Omit<ChatLabOptions, "accounts" | "plugin">> {
  accounts?(fake: IflowFake): readonly AccountFields[];
  readonly iflow?: Omit<IflowOptions, "name" | "models" | "keys"> & { readonly keys?: readonly KeyInput[] };
}

export type IflowLab = ChatLab & { readonly iflow: IflowFake };

export async function lab({ accounts, iflow: options = {}, ...rest }: IflowLabOptions = {}): Promise<IflowLab> {
  const fake = await createIflow();
  const it = await chatLab({
    model: "iflow/glm-4.6",
    ...rest,
    accounts: accounts?.(fake) ?? [fake.signedIn("a@example.com")],
    plugin: (store) => iflow({ ...settings(fake), keys: [], store, ...options }),
  });
  return {
    ...it,
    iflow: fake,
    async [Symbol.asyncDispose]() {
      await it[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

/** The addresses of the fake, and its secret. */
export function settings(fake: IflowFake): Omit<IflowOptions, "name" | "models" | "keys"> {
  return {
    baseURL: `${fake.url}/v1`,
    authorizeURL: `${fake.url}/oauth`,
    tokenURL: `${fake.url}/oauth/token`,
    userinfoURL: `${fake.url}/api/oauth/getUserInfo`,
    successURL: `${fake.url}/oauth/success`,
    failureURL: `${fake.url}/oauth/error`,
    clientSecret: secret,
  };
}

/** Somebody with a browser, who does not wait between questions. */
export function visitor(more: Partial<LoginPerson> = {}): TestPerson {
  return testPerson({ ...quickContext(), ...more });
}
