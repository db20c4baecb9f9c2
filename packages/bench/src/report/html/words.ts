/**
 * Owns how numbers look on a report's page.
 * Must not know: what they count.
 * Invariant: three digits that mean something, and the unit beside them.
 */

export interface Said {
  readonly value: string
  readonly unit: string
}

/** A time in the unit that it is best read in. */
export function sayUs(us: number): Said {
  if (us < 1000) return { value: digits(us), unit: 'µs' }
  return us < 1_000_000 ? { value: digits(us / 1000), unit: 'ms' } : { value: digits(us / 1_000_000), unit: 's' }
}

export function inUs(us: number): string {
  const { value, unit } = sayUs(us)
  return `${value} ${unit}`
}

export function sayCount(count: number): Said {
  if (count < 10_000) return { value: Math.round(count).toLocaleString('en-US'), unit: '' }
  return count < 1_000_000
    ? { value: digits(count / 1000), unit: 'k' }
    : { value: digits(count / 1_000_000), unit: 'M' }
}

export function inBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let unit = 0
  let rest = bytes
  for (; Math.abs(rest) >= 1024 && unit < units.length - 1; unit++) rest /= 1024
  return `${digits(rest)} ${units[unit]}`
}

export function inGroups(value: number): string {
  return value.toLocaleString('en-US')
}

export function inPercent(share: number): string {
  return `${digits(share * 100)} %`
}

function digits(value: number): string {
  const size = Math.abs(value)
  const decimals = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toFixed(decimals)
}
