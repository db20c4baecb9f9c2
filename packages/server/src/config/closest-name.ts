/**
 * Owns the guess behind "did you mean": which of some names a misspelled one is nearest to.
 * Must not know: what the names stand for.
 * Invariant: a guess is never further off than a third of what was written; a wild one helps nobody.
 */

/** The nearest of `names`, or else the shortest that `written` is the beginning of; undefined when none is near. */
export function closestName(written: string, names: readonly string[]): string | undefined {
  const far = Math.max(1, Math.floor(written.length / 3))
  let nearest: string | undefined
  let least = far + 1
  for (const name of names) {
    const distance = editDistance(written, name)
    if (distance < least) [nearest, least] = [name, distance]
  }
  return nearest ?? shortestBeginningWith(written, names)
}

/**
 * Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions, and swaps of
 * neighbours, each counted as one. Written here because the small libraries that are kept up do not count swaps.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const change = at(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swap = swapped && row > 1 && column > 1 ? at(beforeLast, column - 2) + 1 : Infinity
      current.push(Math.min(change, swap, at(last, column) + 1, at(current, column - 1) + 1))
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}

function shortestBeginningWith(written: string, names: readonly string[]): string | undefined {
  if (written.length < 3) return undefined
  return names.filter((name) => name.startsWith(written)).toSorted((a, b) => a.length - b.length)[0]
}
