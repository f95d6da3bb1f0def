/** The options of `proxy simulate`, and what help says of them. */
import type { ParseArgsOptionsConfig } from "node:util";

export const simulateOptions: ParseArgsOptionsConfig = {
  rate: { type: "string" },
  duration: { type: "string" },
  model: { type: "string" },
  input: { type: "string" },
  output: { type: "string" },
  stream: { type: "string" },
  clients: { type: "string" },
  shape: { type: "string" },
  from: { type: "string" },
  last: { type: "string" },
  assume: { type: "string", multiple: true },
  add: { type: "string", multiple: true },
  swap: { type: "string", multiple: true },
  without: { type: "string", multiple: true },
  seed: { type: "string" },
};

export const aboutSimulate: { readonly [option: string]: string } = {
  "rate N": "requests, as 600/h, 2/s or 1000/d; a plain number is per day. Default 1000",
  "duration TIME": "as 7d or 12h. Default 7d",
  "model NAME": "what is asked for. Default: the first alias, else the first model listed",
  "input N, --output N": "tokens of prompt and answer on average. Default 800 and 300",
  "stream SHARE": "of the requests, as 80%. Default 50%",
  "clients N": "who share the traffic, the first asks most. Default 10",
  "shape flat|day": "even, or most in the afternoon. Default flat",
  "from FILE": "recorded requests in place of drawn ones, one JSON object per line",
  "last TIME": "only the end of a recording, as 7d",
  "assume RULE": "of a provider that is not asked, as groq:rpm=60,rpd=1000,errors=1%,latency=800ms",
  "add PROVIDER:N": "what if it had so many more keys",
  "swap 2,3": "what if these two tiers were the other way round",
  "without NAME": "what if there were no PROVIDER, or no PROVIDER/KEY",
  "seed N": "other chances. Default 42",
};
