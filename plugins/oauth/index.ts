/** Signing in with OAuth, new tokens ahead of time, and accounts as credentials of a running proxy. */
export { authorizationCode } from "./code.ts";
export { deviceCode } from "./device.ts";
export { accountHolder } from "./holder.ts";
export { accountOptions } from "./holder-types.ts";
export type { Account, AccountHolder, AccountHolderOptions, AccountOptions } from "./holder-types.ts";
export { pause } from "./pause.ts";
export { pkce } from "./pkce.ts";
export type { Pkce } from "./pkce.ts";
export { refreshTokens } from "./refresh.ts";
export type { CallbackSpec, CodeSpec, DeviceSpec, OAuthRefusal, OAuthSpec } from "./spec.ts";
