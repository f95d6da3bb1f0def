/** Account files at rest: AES-256-GCM, with a key from the environment. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";

/** The variable that holds the key. */
export const keyVariable = "WAYGATE_CREDENTIALS_KEY";

/** What an encrypted file holds in place of the fields. Bytes are base64. */
interface Sealed {
  readonly waygate_encrypted: 1;
  readonly cipher: "aes-256-gcm";
  /** Absent for a key of 32 bytes, which is used as it is. */
  readonly scrypt?: { readonly salt: string; readonly N: number; readonly r: number; readonly p: number };
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

/** Why a file stays closed, for people. */
export interface Closed {
  readonly why: string;
  readonly fix: string;
}

export interface Cipher {
  /** The text of the file; `undefined` without a key. */
  seal(text: string): Promise<string> | undefined;
  open(sealed: Sealed): Promise<string | Closed>;
}

const cost = { N: 32_768, r: 8, p: 1 };
/** Of a file's own numbers: what a forged file may make this process compute. */
const COSTLIEST = 1_048_576;

/** True for the parsed content of a file that this module wrote, also when it has been damaged since. */
export function isSealed(value: object): value is Sealed {
  return "waygate_encrypted" in value;
}

/** `key`: 32 bytes as 64 hexadecimal digits or in base64, or any other text as a passphrase. */
export function createCipher(key: string | undefined): Cipher {
  const raw = key === undefined ? undefined : rawKey(key);
  const derived = new Map<string, Promise<Buffer>>();
  const derive = (salt: string, { N, r, p }: typeof cost): Promise<Buffer> => {
    const name = [salt, N, r, p].join(" ");
    let made = derived.get(name);
    if (made === undefined) derived.set(name, (made = stretch(key ?? "", Buffer.from(salt, "base64"), { N, r, p })));
    return made;
  };
  // A salt tells installations apart, not files: one per process keeps many accounts from costing a tenth of a second each.
  let ownSalt: string | undefined;

  return {
    seal(text) {
      if (key === undefined || key === "") return undefined;
      const salt = raw ? undefined : (ownSalt ??= randomBytes(16).toString("base64"));
      return (async () => {
        const secret = raw ?? (await derive(salt ?? "", cost));
        const nonce = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", secret, nonce);
        const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
        const sealed: Sealed = {
          waygate_encrypted: 1,
          cipher: "aes-256-gcm",
          ...(salt === undefined ? {} : { scrypt: { salt, ...cost } }),
          nonce: nonce.toString("base64"),
          tag: cipher.getAuthTag().toString("base64"),
          data: data.toString("base64"),
        };
        return JSON.stringify(sealed, undefined, 2);
      })();
    },
    async open(sealed) {
      if (key === undefined || key === "") {
        return {
          why: "It is encrypted, and there is no key.",
          fix: `Set ${keyVariable} to the key it was written with.`,
        };
      }
      const fault = {
        why: "It is encrypted with another key, or it has been changed.",
        fix: `Set ${keyVariable} to the key it was written with.`,
      };
      try {
        const { scrypt: stretched } = sealed;
        if (stretched !== undefined && stretched.N * stretched.r * stretched.p > COSTLIEST) return fault;
        if (stretched === undefined && raw === undefined) return fault;
        const secret = stretched === undefined ? raw! : await derive(stretched.salt, stretched);
        if (stretched !== undefined) ownSalt ??= stretched.N === cost.N ? stretched.salt : undefined;
        const decipher = createDecipheriv("aes-256-gcm", secret, Buffer.from(sealed.nonce, "base64"));
        decipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
        return Buffer.concat([decipher.update(Buffer.from(sealed.data, "base64")), decipher.final()]).toString("utf8");
      } catch {
        return fault; // Whatever does not fit, of a file that is not ours to repair: the answer is the same.
      }
    },
  };
}

function rawKey(key: string): Buffer | undefined {
  if (/^[\da-f]{64}$/i.test(key)) return Buffer.from(key, "hex");
  if (!/^[\w+/-]{43}=?$/.test(key)) return undefined;
  const bytes = Buffer.from(key, "base64");
  return bytes.length === 32 ? bytes : undefined;
}

function stretch(key: string, salt: Buffer, { N, r, p }: typeof cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, secret: Buffer): void => (error ? reject(error) : resolve(secret));
    scrypt(key, salt, 32, { N, r, p, maxmem: 256 * N * r }, done);
  });
}
