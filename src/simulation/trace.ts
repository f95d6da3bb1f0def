/** The last steps of a simulation, for whoever has to find out why one failed. */

export interface Trace {
  /** One thing that happened. `facts` are put into words only when the trace is read. */
  note(at: number, what: string, ...facts: readonly (string | number | undefined)[]): void;
  /** Oldest first; those about one request alone when `index` is given. */
  lines(index?: number): string[];
  /** How often each thing has happened. */
  readonly happened: ReadonlyMap<string, number>;
  /** A number that differs when anything that was noted does. */
  digest(): number;
}

type Entry = readonly [at: number, what: string, facts: readonly (string | number | undefined)[]];

/** Keeps the last `limit` notes. */
export function createTrace(start: number, limit = 400): Trace {
  const ring: Entry[] = [];
  let next = 0;
  const happened = new Map<string, number>();
  let hash = 0x811c9dc5;
  const mix = (text: string): void => {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  };
  return {
    happened,
    note(at, what, ...facts) {
      happened.set(what, (happened.get(what) ?? 0) + 1);
      ring[next++ % limit] = [at, what, facts];
      mix(what);
      mix(facts.join());
      hash = Math.imul(hash ^ (at - start), 0x01000193);
    },
    lines(index) {
      const first = Math.max(0, next - limit);
      const entries = Array.from({ length: next - first }, (_, place) => ring[(first + place) % limit]!);
      return entries
        .filter(([, , facts]) => index === undefined || facts[0] === `#${index}`)
        .map(
          ([at, what, facts]) =>
            `${clockOf(at - start)}  ${what.padEnd(9)} ${facts.filter((fact) => fact !== undefined).join(" ")}`,
        );
    },
    digest: () => hash >>> 0,
  };
}

/** `3d 04:05:06.789` since the start. */
function clockOf(ms: number): string {
  const day = Math.floor(ms / 86_400_000);
  return `${day}d ${new Date(ms % 86_400_000).toISOString().slice(11, 23)}`;
}
