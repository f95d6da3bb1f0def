/** Lists of addresses and of ranges of them. */
import { BlockList, isIP } from "node:net";

/** `undefined` for an empty list. An address that is none is on no list. */
export type OnList = (ip: string | undefined) => boolean;

/** Throws an `Error` for an entry that is neither an address nor a range. */
export function addressList(entries: readonly string[]): OnList | undefined {
  if (entries.length === 0) return undefined;
  const list = new BlockList();
  for (const entry of entries) {
    const { ip, bits, family } = parsed(entry);
    if (bits === undefined) list.addAddress(ip, family);
    else list.addSubnet(ip, bits, family);
  }
  return (ip) => {
    if (ip === undefined) return false;
    // Of an address on one link the name of the link is no part of what is compared.
    const address = ip.split("%", 1)[0]!;
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}

/** Why an entry is none; `undefined` when it is one. */
export function addressFault(entry: string): string | undefined {
  try {
    parsed(entry);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

interface Entry {
  readonly ip: string;
  readonly bits: number | undefined;
  readonly family: "ipv4" | "ipv6";
}

function parsed(entry: string): Entry {
  const [ip = "", bits, ...more] = entry.trim().split("/");
  const version = isIP(ip);
  const most = version === 4 ? 32 : 128;
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  if (version === 0 || ip.includes("%") || !isRange || more.length > 0) {
    throw new Error(
      `${JSON.stringify(entry.slice(0, 100))} is no address and no range of them, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  return { ip, bits: bits === undefined ? undefined : Number(bits), family: version === 4 ? "ipv4" : "ipv6" };
}
