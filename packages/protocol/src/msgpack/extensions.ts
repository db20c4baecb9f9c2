/**
 * Owns what JavaScript values may become msgpack: the rules that the encoder library leaves open, checked on its way
 * through a value, one map or array at a time.
 * Must not know: where the bytes go.
 * Invariant: whatever passes here, the scanner accepts (limits of depth and number aside); nothing is lost in silence.
 */
import { type ExtData, ExtensionCodec } from '@msgpack/msgpack'

const INT64_MIN = -(2n ** 63n)
const UINT64_MAX = 2n ** 64n - 1n

/** Dates become timestamps; what msgpack has no form for throws a TypeError that names it. */
export class BodyExtensions extends ExtensionCodec {
  override tryToEncode(value: unknown, context: undefined): ExtData | null {
    if (Array.isArray(value)) {
      for (const item of value) assertScalar(item)
      return null
    }
    if (typeof value !== 'object' || value === null)
      throw new TypeError(`cannot encode a value of type ${typeof value}`)
    if (ArrayBuffer.isView(value)) return null
    if (value instanceof Date) return this.#timestamp(value, context)
    assertPlain(value)
    return null
  }

  #timestamp(date: Date, context: undefined): ExtData | null {
    if (Number.isNaN(date.getTime())) throw new TypeError('cannot encode an invalid Date')
    return super.tryToEncode(date, context)
  }
}

/** Throws a TypeError for a string or bigint that no receiver could read; passes everything that is neither. */
export function assertScalar(value: unknown): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('cannot encode a string with a lone surrogate')
  } else if (typeof value === 'bigint') {
    if (value < INT64_MIN || value > UINT64_MAX) throw new TypeError('cannot encode a bigint beyond 64 bits')
  }
}

/** An object becomes the map of its own enumerable properties; a Map, Set, Promise ... would become an empty one. */
function assertPlain(value: object): void {
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    const tag = Object.prototype.toString.call(value)
    if (tag !== '[object Object]') throw new TypeError(`cannot encode a value of type ${tag.slice(8, -1)}`)
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') throw new TypeError('cannot encode a property named __proto__')
    assertScalar(key)
    assertScalar(member)
  }
}
