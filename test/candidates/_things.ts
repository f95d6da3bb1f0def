/** Providers, keys and candidates that are nothing but their names. */
import { type Candidate, type Credential, defineCredential, type Provider } from "waygate";

export function providerOf(name: string, more: Partial<Provider> = {}): Provider {
  return { name, protocol: "openai-chat", models: [], prepare: (wire) => wire, ...more };
}

export function credentialOf(id: string, more: Partial<Credential> = {}): Credential {
  return defineCredential({ id, provider: "lab", ...more }, {});
}

const lab = providerOf("lab");

export function candidateOf(id: string, more: Partial<Credential> = {}, provider: Provider = lab): Candidate {
  return { provider, model: "m", credential: credentialOf(id, more), position: 0 };
}

export function idsOf(candidates: readonly Candidate[]): string[] {
  return candidates.map(({ credential }) => credential.id);
}
