/** Seals go back to their minter and to nobody else: what is left of a request for one upstream. */
import type { GenerateRequest, Message, Part, Seal } from "./canonical.ts";
import type { Emit, Loss } from "./types.ts";

export interface SealReader {
  /** The protocol the upstream speaks. */
  readonly protocol: string;
  readonly provider: string;
  /** Who is known to have minted a seal that came without a name, by its value. */
  readonly minters?: ReadonlyMap<string, string>;
}

/** The request itself when the upstream may see all of it. */
export function withoutForeignSeals(request: GenerateRequest, reader: SealReader, lose: Emit<Loss>): GenerateRequest {
  let changed = false;
  const messages = request.messages.flatMap((message, index): Message[] => {
    if (!message.parts.some((part) => isForeign(part, reader))) return [message];
    changed = true;
    lose({ what: "reasoning or signatures only their maker can read", where: `messages[${index}]` });
    const parts = message.parts.flatMap((part) => (isForeign(part, reader) ? unsealed(part) : [part]));
    return parts.length === 0 ? [] : [{ ...message, parts }];
  });
  return changed ? { ...request, messages } : request;
}

/** Every seal of a request. */
export function* sealsOf(request: GenerateRequest): Generator<Seal> {
  for (const { parts } of request.messages) {
    for (const part of parts) {
      const seal = sealOf(part);
      if (seal) yield seal;
    }
  }
}

function sealOf(part: Part): Seal | undefined {
  return "seal" in part ? part.seal : undefined;
}

function isForeign(part: Part, { protocol, provider, minters }: SealReader): boolean {
  const seal = sealOf(part);
  if (!seal) return false;
  const minter = seal.provider ?? minters?.get(seal.value);
  return seal.protocol !== protocol || (minter !== undefined && minter !== provider);
}

/** Reasoning nobody else can read is nothing without its seal. */
function unsealed(part: Part): readonly Part[] {
  if (!("seal" in part)) return [part];
  const { seal, ...rest } = part;
  return rest.type === "reasoning" && (seal?.redacted || rest.text === "") ? [] : [rest as Part];
}
