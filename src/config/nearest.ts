/** "Did you mean": the known word a misspelt one most likely stands for. */

/** Longer words are not compared; names in a config are short. */
const longest = 120;

/**
 * The candidate that needs the fewest edits (insert, delete, replace, swap of neighbours) to become `word`, ignoring
 * case and the difference of `-` and `_`; the first of several. `undefined` when none is near: one edit for words of up
 * to five characters, two up to eight, else three.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word);
  if (wanted.length > longest) return undefined;
  let budget = wanted.length <= 5 ? 1 : wanted.length <= 8 ? 2 : 3;
  let best: string | undefined;
  for (const candidate of candidates) {
    const known = fold(candidate);
    if (known === "" || Math.abs(known.length - wanted.length) > budget) continue;
    const distance = edits(wanted, known);
    // A word of three letters shares one edit with too many others to be called near.
    if (distance > budget || distance >= Math.max(wanted.length, known.length) - 1) continue;
    if (distance === 0) return candidate;
    best = candidate;
    budget = distance - 1;
  }
  return best;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll("-", "_");
}

/** Optimal string alignment distance, three rows at a time. */
function edits(a: string, b: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(oneBack, column) + 1,
        at(current, column - 1) + 1,
        at(oneBack, column - 1) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(twoBack, column - 2) + 1);
      current.push(cost);
    }
    twoBack = oneBack;
    oneBack = current;
  }
  return at(oneBack, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
