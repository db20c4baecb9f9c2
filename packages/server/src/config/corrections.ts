/**
 * Owns what somebody meant who wrote a number in another notation: `10s`, `1MiB`, `1_000`, `"4096"`.
 * Must not know: ranges or options. Nothing here is accepted as a value; it only ends up in a problem's message.
 * Invariant: a correction is a plain decimal integer, or there is none.
 */

/** How many of the base unit one of each is. Keys in lower case. */
export type Units = Readonly<Record<string, number>>

/** In milliseconds. */
export const DURATION_UNITS: Units = {
  ms: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** In bytes; as in Kubernetes, K, M and G are decimal, Ki, Mi and Gi binary. */
export const SIZE_UNITS: Units = {
  b: 1,
  k: 1000,
  kb: 1000,
  ki: 1024,
  kib: 1024,
  m: 1000 ** 2,
  mb: 1000 ** 2,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1000 ** 3,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
}

const QUANTITY = /^(\d+(?:\.\d+)?(?:e\d+)?)\s*([a-z]*)$/i

/** The plain integer that `text` stands for, with one of `units` behind it or none; undefined when it is no number. */
export function correctNumber(text: string, units: Units = {}): string | undefined {
  const [, digits, unit] = QUANTITY.exec(withoutDecoration(text)) ?? []
  if (digits === undefined || unit === undefined) return undefined
  const factor = unit === '' ? 1 : units[unit.toLowerCase()]
  if (factor === undefined) return undefined
  // Rounded where the product is off by the representation alone: 1.005 s is 1004.9999999999999 ms.
  const value = Math.round(Number(digits) * factor * 1000) / 1000
  return Number.isSafeInteger(value) ? String(value) : undefined
}

/** Without the quotes that an env file keeps, a plus sign, and separators between thousands. */
function withoutDecoration(text: string): string {
  const bare = withoutQuotes(text).replace(/^\+/, '').replaceAll('_', '')
  return /^\d{1,3}(,\d{3})+$/.test(bare) ? bare.replaceAll(',', '') : bare
}

/** Container tools hand the quotes around a value in an env file on as part of it. */
export function withoutQuotes(text: string): string {
  return (/^"(.*)"$/.exec(text)?.[1] ?? /^'(.*)'$/.exec(text)?.[1] ?? text).trim()
}
