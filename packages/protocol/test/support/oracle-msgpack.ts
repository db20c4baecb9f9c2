/**
 * Owns a second opinion on msgpack bodies: the specification and our rules written down once more, by recursion.
 * Must not know: the scanner under test, or any of its helpers.
 * Invariant: a fault is thrown, so none can be forgotten on the way up.
 */
import type { MsgpackLimits } from '@shardwire/protocol'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Whether `bytes` are exactly one value within the limits. */
export function isOneValue(bytes: Uint8Array, limits: MsgpackLimits): boolean {
  const reader = new Reader(bytes, limits)
  try {
    reader.value(0)
    return reader.at === bytes.length
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return false
    throw error
  }
}

class Reader {
  at = 0
  #elements = 0
  readonly #view: DataView
  readonly #limits: MsgpackLimits

  constructor(bytes: Uint8Array, limits: MsgpackLimits) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
  }

  value(depth: number): void {
    const first = this.#unsigned(1)
    if (first <= 0x7f || first >= 0xe0 || [0xc0, 0xc2, 0xc3].includes(first)) return
    if (first <= 0x8f) return this.#map(first - 0x80, depth + 1)
    if (first <= 0x9f) return this.#array(first - 0x90, depth + 1)
    if (first <= 0xbf) return void this.#text(first - 0xa0)
    this.#long(first, depth)
  }

  #long(first: number, depth: number): void {
    if (first === 0xc1) throw new RangeError('never used')
    if (first <= 0xc6) return void this.#take(this.#unsigned(2 ** (first - 0xc4)))
    if (first <= 0xc9) return this.#extension(this.#unsigned(2 ** (first - 0xc7)))
    if (first <= 0xcb) return void this.#take(first === 0xca ? 4 : 8)
    if (first <= 0xce) return void this.#take(2 ** (first - 0xcc))
    if (first === 0xcf) return this.#integer(this.#take(8).getBigUint64(0))
    if (first <= 0xd2) return void this.#take(2 ** (first - 0xd0))
    if (first === 0xd3) return this.#integer(this.#take(8).getBigInt64(0))
    if (first <= 0xd8) return this.#extension(2 ** (first - 0xd4))
    if (first <= 0xdb) return void this.#text(this.#unsigned(2 ** (first - 0xd9)))
    if (first <= 0xdd) return this.#array(this.#unsigned(first === 0xdc ? 2 : 4), depth + 1)
    this.#map(this.#unsigned(first === 0xde ? 2 : 4), depth + 1)
  }

  #integer(value: bigint): void {
    if (this.#limits.bigint) return
    if (value > 2n ** 53n - 1n || value < 1n - 2n ** 53n) throw new RangeError('integer')
  }

  #array(count: number, depth: number): void {
    this.#enter(count, depth)
    for (let index = 0; index < count; index++) this.value(depth)
  }

  #map(count: number, depth: number): void {
    this.#enter(count * 2, depth)
    for (let index = 0; index < count; index++) {
      this.#key()
      this.value(depth)
    }
  }

  #enter(count: number, depth: number): void {
    this.#elements += count
    if (this.#elements > this.#limits.elementsMax || depth > this.#limits.depthMax) throw new RangeError('limit')
  }

  #key(): void {
    const first = this.#unsigned(1)
    const isShort = first >= 0xa0 && first <= 0xbf
    if (!isShort && (first < 0xd9 || first > 0xdb)) throw new RangeError('key')
    const text = this.#text(isShort ? first - 0xa0 : this.#unsigned(2 ** (first - 0xd9)))
    if (text === '__proto__') throw new RangeError('__proto__')
  }

  #text(bytes: number): string {
    return UTF8.decode(this.#take(bytes))
  }

  #extension(bytes: number): void {
    if (this.#take(1).getInt8(0) !== -1) throw new RangeError('extension')
    const data = this.#take(bytes)
    if (bytes === 4) return
    if (bytes !== 8 && bytes !== 12) throw new RangeError('length of a timestamp')
    const nanoseconds = bytes === 8 ? data.getUint32(0) >>> 2 : data.getUint32(0)
    if (nanoseconds >= 1e9) throw new RangeError('nanoseconds')
    const seconds = bytes === 8 ? 0n : data.getBigInt64(4)
    if (seconds < -8_640_000_000_000n || seconds >= 8_640_000_000_000n) throw new RangeError('seconds')
  }

  #unsigned(bytes: number): number {
    const view = this.#take(bytes)
    if (bytes === 1) return view.getUint8(0)
    return bytes === 2 ? view.getUint16(0) : view.getUint32(0)
  }

  #take(bytes: number): DataView {
    const view = new DataView(this.#view.buffer, this.#view.byteOffset + this.at, Math.min(bytes, this.#left()))
    if (view.byteLength < bytes) throw new RangeError('cut')
    this.at += bytes
    return view
  }

  #left(): number {
    return this.#view.byteLength - this.at
  }
}
