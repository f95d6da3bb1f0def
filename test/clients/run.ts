/**
 * Real command-line clients through the proxy, each against an upstream of another protocol: `npm run test:clients`.
 * See README.md beside this file.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";
import { type Client, clients } from "./clients.ts";
import { installedClients } from "./install.ts";
import { runTurn, type TurnReport } from "./turn.ts";

const usage = `npm run test:clients -- [options]
  --client NAMES     of ${clients.map(({ name }) => name).join(", ")}; separated by commas (all)
  --upstream NAMES   of ${Object.keys(wires).join(", ")} (one that the client does not speak)
  --all              every client against every protocol
  --direct           without the proxy, each against an upstream of its own protocol
  --seconds N        time limit for each turn (60)
  --bin FOLDER       where the clients' commands are (installed beside this script)
  --verbose          output and requests of turns that went well, too`;

const { values } = parseArgs({
  options: {
    client: { type: "string" },
    upstream: { type: "string" },
    all: { type: "boolean", default: false },
    direct: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
    bin: { type: "string" },
    verbose: { type: "boolean", short: "v", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The names in an option that are in the list; all of the list without the option. */
function chosen<T extends string>(option: string | undefined, known: readonly T[]): readonly T[] {
  if (option === undefined) return known;
  return option.split(",").map((name) => {
    const found = known.find((each) => each === name);
    if (found === undefined) throw new RangeError(`there is no ${name}; known: ${known.join(", ")}\n${usage}`);
    return found;
  });
}

function pairs(): readonly (readonly [Client, ProtocolId])[] {
  const all = Object.keys(wires) as ProtocolId[];
  const names = chosen(
    values.client,
    clients.map(({ name }) => name),
  );
  const protocols = chosen(values.upstream, all);
  const against = ({ protocol, against: usual }: Client): readonly ProtocolId[] => {
    if (values.direct) return [protocol];
    if (values.all || values.upstream !== undefined) return protocols;
    return [usual];
  };
  return clients
    .filter(({ name }) => names.includes(name))
    .flatMap((client) => against(client).map((protocol) => [client, protocol] as const));
}

function details({ ran, requests, logged }: TurnReport): string {
  const bodies = requests.map(
    ({ line, body }) => `  ${line}\n    ${body.length > 6000 ? `${body.slice(0, 6000)} …` : body}`,
  );
  const parts = { stdout: ran.stdout, stderr: ran.stderr, requests: bodies.join("\n"), log: logged.join("\n") };
  return Object.entries(parts)
    .filter(([, content]) => content.trim() !== "")
    .map(([name, content]) => `--- ${name}\n${content.trimEnd()}`)
    .join("\n");
}

async function main(): Promise<number> {
  if (values.help) {
    say(usage);
    return 0;
  }
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new RangeError(`--seconds: not a positive number: ${values.seconds}`);
  const bin = values.bin === undefined ? await installedClients() : resolve(values.bin);
  let failed = 0;
  say(`${"client".padEnd(15)} ${"upstream".padEnd(17)} ${"result".padEnd(7)} seconds  requests  outside loopback`);
  for (const [client, protocol] of pairs()) {
    const report = await runTurn(client, protocol, { bin, limit: seconds * 1000, direct: values.direct });
    const { faults, ran, requests, wanted } = report;
    const took = (ran.milliseconds / 1000).toFixed(1);
    const outside = [...new Set(wanted)].join(" ") || "nothing";
    const result = faults.length === 0 ? "ok" : "FAILED";
    say(
      `${client.name.padEnd(15)} ${protocol.padEnd(17)} ${result.padEnd(7)} ${took.padStart(7)}  ${String(requests.length).padStart(8)}  ${outside}`,
    );
    for (const fault of faults) say(`  ${fault}`);
    if (faults.length > 0 || values.verbose) say(details(report));
    if (faults.length > 0) failed++;
  }
  if (failed > 0) say(`${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
