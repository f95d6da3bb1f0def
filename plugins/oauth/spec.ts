/** What an authorization server and the client registered there look like; provider plugins state it. */
import type { HeaderRecord, Json } from "waygate";

/** A client at an authorization server. All addresses are `https`, or `http` on loopback. */
export interface OAuthSpec {
  /** The provider's id, as `proxy login` takes it: `gemini_cli`. */
  readonly provider: string;
  /** For people: `Gemini CLI`. */
  readonly title: string;
  readonly clientId: string;
  /** Default: the client has none. */
  readonly clientSecret?: string;
  /** How the client proves itself at the token address. Default: `post` with a secret, else `none`. */
  readonly clientAuthentication?: "post" | "basic" | "none";
  readonly tokenURL: string;
  /** More headers of every call. */
  readonly headers?: HeaderRecord;
  /** More form fields of every call to the token address. */
  readonly tokenParameters?: { readonly [name: string]: string };
  /** Takes an envelope off an answer with tokens, `{ success, data }` for one. Default: the answer as it is. */
  readonly unwrap?: (body: Json) => Json;
  /** Milliseconds that an access token lasts when the answer does not say. Default 1 h. */
  readonly lifetime?: number;
  /**
   * Says whether only a new login helps after this refusal of a refresh. Default: `invalid_grant`, `unauthorized_client`
   * and `invalid_client`, and every 401 and 403.
   */
  readonly needsLogin?: (refusal: OAuthRefusal) => boolean;
}

/** A refusal of the token address. */
export interface OAuthRefusal {
  readonly status: number;
  /** The `error` of RFC 6749 5.2, empty where there is none. */
  readonly error: string;
  readonly description: string;
}

/** The authorization code flow (RFC 6749 4.1, with PKCE of RFC 7636 and a loopback callback of RFC 8252). */
export interface CodeSpec extends OAuthSpec {
  readonly authorizeURL: string;
  readonly scopes?: readonly string[];
  /** More parameters of the authorize address; `undefined` takes a usual one out. */
  readonly parameters?: { readonly [name: string]: string | undefined };
  /** What the authorize address calls the address of the callback. Default `redirect_uri`. */
  readonly redirectParameter?: string;
  /** False for a server that refuses what it does not know. Default true: S256. */
  readonly pkce?: boolean;
  readonly callback: CallbackSpec;
  /** Where the code is shown to be pasted, for a person without a browser here. Default: the callback's address. */
  readonly pasteRedirect?: string;
  /** Milliseconds for the whole login. Default 5 min. */
  readonly limit?: number;
}

export interface CallbackSpec {
  /** `person.port` goes before it. */
  readonly port: number;
  /** Ports to try when that one is taken. Never used with `person.port`. */
  readonly otherPorts?: readonly number[];
  /** For the message when the port is taken: `GEMINI_CLI_OAUTH_PORT`. */
  readonly portVariable?: string;
  /** The first is the one that the server is told; all are answered. */
  readonly paths: readonly [string, ...string[]];
  /** As the server is told. Default `localhost`. */
  readonly host?: "localhost" | "127.0.0.1";
  /** Where the browser is sent in the end. Default: a small page of ours. */
  readonly successURL?: string;
  readonly failureURL?: string;
}

/** The device flow (RFC 8628), with PKCE. */
export interface DeviceSpec extends OAuthSpec {
  readonly deviceURL: string;
  readonly scopes?: readonly string[];
  /** False for a server that refuses what it does not know. Default true: S256. */
  readonly pkce?: boolean;
}
