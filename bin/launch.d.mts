export function engineProblem(facts: {
  readonly engines: string;
  readonly version: string;
  readonly executable: string;
}): string | undefined;

export function prefersSource(root: string): boolean;

export function launch(root: string, argv: readonly string[]): Promise<number>;
