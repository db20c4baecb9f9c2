/**
 * Owns what a 32-bit field of a frame changes in the frame's CRC.
 * Must not know: frames.
 * Invariant: CRC-32 is linear: the change is the XOR of what each set bit changes alone, whatever the rest of the frame
 * is. So the CRC for a field's value costs four look-ups, for a frame of any size.
 */

const BITS = 32

export class CrcChange {
  /** Entry 256 k + b: what byte k of the field, of value b, changes; byte 0 is the most significant. */
  readonly #table = new Int32Array(4 * 256)

  /** @param crcOf CRC of the frame with that value in the field; asked for 0 and for every single bit */
  constructor(crcOf: (value: number) => number) {
    const blank = crcOf(0)
    for (let bit = 0; bit < BITS; bit++) this.#add(bit, crcOf((1 << bit) >>> 0) ^ blank)
  }

  /** XOR between the CRC with this value in the field and the one with 0, as a signed 32-bit integer. */
  of(value: number): number {
    const table = this.#table
    return (
      (table[value >>> 24] as number) ^
      (table[256 + ((value >>> 16) & 255)] as number) ^
      (table[512 + ((value >>> 8) & 255)] as number) ^
      (table[768 + (value & 255)] as number)
    )
  }

  /** Adds what one bit changes to all byte values that have it. */
  #add(bit: number, change: number): void {
    const table = this.#table
    const byte = 256 * (3 - (bit >>> 3))
    const mask = 1 << (bit & 7)
    for (let value = mask; value < 256; value++) {
      if ((value & mask) !== 0) table[byte + value] = (table[byte + value] as number) ^ change
    }
  }
}
