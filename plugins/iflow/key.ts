/** The key of an account's requests, which is another than its token and may change with every new one. */
import { type AccountContext, type AccountFields, emailOf, type Json, ProxyError, withFieldAt } from "waygate";
import { askAboutAccount, isObject, textIn } from "waygate/plugins/openai-compatible";

/** Rejects with a `ProxyError`. The fields with the key, and with the account's name where it has none yet. */
export async function withKey(fields: AccountFields, url: string, context: AccountContext): Promise<AccountFields> {
  const asked = new URL(url);
  asked.searchParams.set("accessToken", textIn(fields, "access_token") ?? "");
  const { success, message, data } = await askAboutAccount({ url: asked.href, headers: {}, title: "iFlow" }, context);
  const user = isObject(data) ? data : {};
  const key = user["apiKey"];
  if (success === false || typeof key !== "string" || key === "") {
    const why = typeof message === "string" && message !== "" ? `: ${message.slice(0, 200)}` : "";
    throw new ProxyError({
      kind: "credential_invalid",
      scope: "credential",
      message: `iFlow: the account has no API key${why}.`,
    });
  }
  const named = withFieldAt(fields, "api_key", key);
  const name = [user["email"], user["phone"]].find(
    (each): each is string & Json => typeof each === "string" && each !== "",
  );
  return name === undefined || emailOf(fields) !== undefined
    ? named
    : withFieldAt(withFieldAt(named, "email", name), "_proxy_metadata.email", name);
}
