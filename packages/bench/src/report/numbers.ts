/**
 * Owns how numbers look for people.
 * Must not know: what they count.
 * Invariant: the same on every machine, whatever its locale.
 */

/** Thousands set apart: 1,234,567.8 */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** Bytes as megabytes of 10^6 with a digit behind the point. */
export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
}

/** Microseconds as seconds. */
export function seconds(us: number): string {
  return `${(us / 1_000_000).toFixed(2)} s`
}
