/**
 * Owns the shapes that the protocol's own maps are checked for.
 * Must not know: which map it is.
 * Invariant: a guard looks at its argument and at nothing else.
 */

/** Whether a decoded value was a msgpack map. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** Whether a decoded value is an integer from 0 to 2^53 - 1; a float without a fraction is one. */
export function isUnsigned(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
