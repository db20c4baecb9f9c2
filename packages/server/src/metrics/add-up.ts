/**
 * Owns adding figures of several workers: plain data of one shape, number by number.
 * Must not know: what they mean.
 * Invariant: a scrape adds a hundred thousand numbers, so lists, in which most of them are, are gone through by index.
 */

/** Adds `more` to `sum`: numbers, lists of them, and what is inside. A list that is longer grows the other. */
export function addUp<Figures extends object>(sum: Figures, more: Figures): void {
  addInto(sum as Record<string, unknown>, more as Record<string, unknown>)
}

/** Adds list to list, index by index. */
export function addList(sum: number[], more: readonly number[]): void {
  for (let index = 0; index < more.length; index++) sum[index] = (sum[index] ?? 0) + (more[index] ?? 0)
}

function addInto(sum: Record<string, unknown>, more: Record<string, unknown>): void {
  for (const key of Object.keys(more)) {
    const value = more[key]
    const before = sum[key]
    if (typeof value === 'number') sum[key] = (typeof before === 'number' ? before : 0) + value
    else if (isNumbers(value) && isNumbers(before)) addList(before, value)
    else if (isRecord(value) && isRecord(before)) addInto(before, value)
  }
}

/** What lists here have is numbers. */
function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
