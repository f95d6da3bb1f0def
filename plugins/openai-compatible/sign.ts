/** The headers a provider adds to its requests: its key's, the protocol's and those its options state. */
import { type ApiKey, type HeaderRecord, version } from "waygate";
import { dialectOf } from "./dialects.ts";

export interface Signer {
  /** What the key and the options say; they win over everything. */
  own(protocol: string, data: ApiKey): HeaderRecord;
  /** `sent` is what the pipeline has of the client. */
  all(protocol: string, data: ApiKey, sent: HeaderRecord): { [name: string]: string };
}

export function createSigner(stated: { readonly [name: string]: string } | undefined): Signer {
  const fixed = lowerCaseNames({ "user-agent": `waygate/${version}`, ...stated });
  // They depend on the key alone, and the same keys serve every request.
  const made = new Map<string, WeakMap<ApiKey, HeaderRecord>>();

  const own: Signer["own"] = (protocol, data) => {
    let byKey = made.get(protocol);
    if (!byKey) made.set(protocol, (byKey = new WeakMap()));
    let headers = byKey.get(data);
    if (!headers) byKey.set(data, (headers = { ...dialectOf(protocol).authorize(data), ...fixed }));
    return headers;
  };
  return {
    own: (protocol, data) => ({ ...dialectOf(protocol).usual, ...own(protocol, data) }),
    all(protocol, data, sent) {
      const { usual, lists = [] } = dialectOf(protocol);
      const signed = own(protocol, data);
      const headers: { [name: string]: string } = { ...usual, ...sent, ...signed };
      for (const name of lists) {
        const entries = [signed[name], sent[name]].filter((list) => list !== undefined);
        if (entries.length > 1) headers[name] = entries.join(",");
      }
      return headers;
    },
  };
}

function lowerCaseNames(headers: { readonly [name: string]: string }): HeaderRecord {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
