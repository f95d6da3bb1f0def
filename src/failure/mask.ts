/** Takes secrets out of text before it is logged, stored or sent to anybody. */

const gone = "***";

/**
 * Where a token may begin. Escapes count as its left neighbour, so that a key after the `\n` of a JSON text is seen and
 * the escape itself is not eaten: a valid JSON text stays valid. Every pattern starts at such a place and reads to the
 * end of the token, so that no text is read more than a few times.
 */
const start = String.raw`(?:(?<![\w\\-])|(?<=\\[bfnrt])|(?<=\\u[\dA-Fa-f]{4}))`;

interface Mask {
  readonly find: RegExp;
  /** What stands there instead. Default: `***`. */
  readonly put?: (match: string, ...groups: string[]) => string;
}

const pattern = (source: string, flags = "g"): RegExp => new RegExp(start + source, flags);
const keepFirst = (_: string, first: string): string => first + gone;

/** Long, or with a digit, or already starred out by the upstream: not an ordinary word. */
const isToken = (text: string): boolean =>
  text.includes("*") || text.length >= 20 || (text.length >= 6 && /\d/.test(text));

const moneyOrAccount =
  /billing|payment|purchas|credits|top-?up|upgrade|pricing|\/plans?\b|subscri|invoice|account|api-?keys|settings|\/console\b|\/\/console\.[\w.-]+\/?$|\/organi[sz]ation/i;
const documentation = /\/\/docs\.|\/docs?\//i;

const masks: readonly Mask[] = [
  // Links to the account's money and settings. Links to documentation stay.
  {
    find: pattern(String.raw`https?:\\?\/\\?\/(?:[^\s"'<>\\]|\\\/)+`, "gi"),
    put: (url) => {
      if (!moneyOrAccount.test(url) || documentation.test(url)) return url;
      return `[link removed]${/[.,;:!?)\]]+$/.exec(url.slice(-8))?.[0] ?? ""}`;
    },
  },
  // User name and password in front of a host.
  { find: /(:\\?\/\\?\/)[^\s"'<>\\/@]{1,400}@/g, put: (_, slashes) => `${slashes}${gone}@` },
  // Members of JSON, also of JSON inside a string.
  {
    find: /((\\{0,3}")(?:x-)?(?:(?:goog-)?api[_-]?key|key_id|authorization|access_?token|refresh_?token|id_?token|client_?secret|password|user_?id|account_?id|org(?:anization)?_?id|organization|team_?id|project_?id)\2\s{0,8}:\s{0,8}\2)[^"\\]+/gi,
    put: keepFirst,
  },
  // Query parameters, and the same form in running text when the value looks like a secret.
  {
    find: /(([?&]|\\u0026|\b)(?:(?:x-goog-)?(?:api[_-]?)?key|access_token|refresh_token|id_token|token|client_secret|signature|sig|password)=)([^&\s"'\\<>,;)}\]]+)/gi,
    put: (match, name, before, value) => (before !== "" || isToken(value ?? "") ? (name ?? "") + gone : match),
  },
  { find: pattern(String.raw`([Bb](?:earer|EARER)\s{1,4})(?=[a-z.,]*[A-Z\d_*~+/=-])[\w.~+/=*-]{4,}`), put: keepFirst },
  { find: pattern(String.raw`(Basic\s{1,4})[\w+/=-]{8,}`), put: keepFirst },
  // Keys by the prefixes of their makers.
  { find: pattern(String.raw`(?:sk|rk|pk|sess)-[\w*•-]{8,}`) },
  { find: pattern(String.raw`(?:gsk_|hf_|xai-|csk-|pplx-|cpk_|r8_|fw_|gh[opsu]_|AKIA)[A-Za-z\d]{16,}[\w-]*`) },
  { find: pattern(String.raw`(?:nvapi-|AIza|tgp_v1_|ya29\.|github_pat_|GOCSPX-)[\w-]{16,}`) },
  { find: pattern(String.raw`(?:gsk_|hf_|xai-|csk-|pplx-|cpk_|nvapi-|AIza)[\w-]{0,60}[*•][\w*•-]*`) },
  // JSON web tokens.
  { find: pattern(String.raw`eyJ[\w-]{8,}(?:\.[\w-]*){1,4}`) },
  // Whatever follows words such as "API key provided:".
  {
    find: pattern(
      String.raw`((?:api[ _-]?key|api[ _-]token|access[ _-]?token|refresh[ _-]?token|auth[ _-]?token|secret(?: key)?|password)(?: id)?(?: (?:provided|is|was|given|used|ending in|ending with|with))?\s{0,4}[:=]?\s{0,4}(?:\\?["'${"`"}(])?)([\w*•][\w*•.~+/=-]{2,}[\w*•~+/=-])`,
      "gi",
    ),
    put: (match, words, token) => (isToken(token ?? "") ? (words ?? "") + gone : match),
  },
  // Organisations, projects, accounts and users.
  {
    find: pattern(
      String.raw`((?:org|proj|project|acct|account|user|usr|team|workspace)[-_])(?=[a-z]*[A-Z\d])[A-Za-z\d]{8,}`,
    ),
    put: keepFirst,
  },
  {
    find: pattern(
      String.raw`((?:organi[sz]ation|project|account|user|team|workspace|tenant|api key|function)(?:[ _-]?id)?[ :=]{1,3}\\?["'${"`"}(]?)[\da-f]{8}-[\da-f-]{27}`,
      "gi",
    ),
    put: keepFirst,
  },
  { find: pattern(String.raw`((?:account|tenant)(?:[ _-]?id)?[ :=]{1,3}\\?["'])[\w-]{6,}`, "gi"), put: keepFirst },
  { find: pattern(String.raw`(projects?[/:]|project_number:)(?=[a-z-]*\d)[\w-]{5,}`), put: keepFirst },
  // Mail addresses of accounts.
  {
    find: /(?:(?<![\w.+\\-])|(?<=\\[bfnrt]))[A-Za-z\d][\w.+-]{0,63}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63})+/g,
  },
];

/**
 * The text without keys, tokens, organisation and account ids, mail addresses and links to billing pages. Takes time
 * linear in the length of the text, and keeps valid JSON valid.
 */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const { find, put = () => gone } of masks) masked = masked.replace(find, put);
  return masked;
}

/** A key for people who may know that it exists: first 4 … last 4 characters of 20 or more, else `***`. */
export function maskKey(key: string): string {
  return key.length >= 20 ? `${key.slice(0, 4)}…${key.slice(-4)}` : gone;
}

const secretParameter =
  /^(?:x-amz-.+|sig|signature|auth|code|password|credential|(?:.*[_-])?(?:key|token|secret|apikey))$/i;

/** A URL for logs and errors: without user name, password, fragment and the values of secret query parameters. */
export function redactUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // A path or a broken URL cannot be taken apart; its text is masked instead.
    return maskSecrets(url);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    parsed.username = gone;
    parsed.password = "";
  }
  parsed.hash = "";
  for (const name of new Set(parsed.searchParams.keys())) {
    if (secretParameter.test(name)) parsed.searchParams.set(name, gone);
  }
  return parsed.href
    .split("/")
    .map((part) => (part.length < 12 ? part : maskSecrets(part)))
    .join("/");
}
