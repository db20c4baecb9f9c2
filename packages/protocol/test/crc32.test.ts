/** The CRC: its value is the one that everybody else computes, whatever the method, the length or the pieces. */
import { crc32 as zlibCrc32 } from 'node:zlib'
import { CRC_NATIVE_BYTES_MIN, crc32, crc32ByTable } from '@shardwire/protocol'
import { withSeed } from '@shardwire/testkit'
import { expect, test } from 'vitest'

const CHECK = new TextEncoder().encode('123456789')
/** What the catalogue of parametrised CRCs gives for CRC-32/ISO-HDLC over those nine digits. */
const CHECK_VALUE = 0xcbf43926

/** The definition, bit by bit. */
function crcByDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

test('the check value of the catalogue', () => {
  expect(crc32(CHECK, 0, CHECK.length)).toBe(CHECK_VALUE)
  expect(crc32ByTable(CHECK, 0, CHECK.length, 0)).toBe(CHECK_VALUE)
  expect(crcByDefinition(CHECK)).toBe(CHECK_VALUE)
})

test('no bytes have the CRC 0, or that of the bytes before', () => {
  expect(crc32(CHECK, 4, 4)).toBe(0)
  expect(crc32(CHECK, 4, 4, CHECK_VALUE)).toBe(CHECK_VALUE)
})

test('table, zlib and the definition agree over every length around the crossing point', async () => {
  await withSeed('crc32 lengths', (random) => {
    const bytes = random.bytes(CRC_NATIVE_BYTES_MIN + 80)
    for (let length = 0; length <= CRC_NATIVE_BYTES_MIN + 64; length++) {
      const start = random.integer(0, 15)
      const part = bytes.subarray(start, start + length)
      expect(crc32(bytes, start, start + length), `length ${length}`).toBe(crcByDefinition(part))
      expect(crc32ByTable(bytes, start, start + length, 0), `length ${length}`).toBe(zlibCrc32(part))
    }
  })
})

test('a seed means the same to both methods', async () => {
  await withSeed('crc32 seeds', (random) => {
    const bytes = random.bytes(2 * CRC_NATIVE_BYTES_MIN)
    for (let run = 0; run < 500; run++) {
      const seed = random.integer(0, 0xffff_ffff)
      const end = random.integer(0, bytes.length)
      expect(crc32(bytes, 0, end, seed), `${end} bytes, seed ${seed}`).toBe(crc32ByTable(bytes, 0, end, seed))
    }
  })
})

test('going on from a part gives the CRC of the whole, wherever the cut', async () => {
  await withSeed('crc32 parts', (random) => {
    const bytes = random.bytes(CRC_NATIVE_BYTES_MIN + 200)
    const whole = crc32(bytes, 0, bytes.length)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32(bytes, cut, bytes.length, crc32(bytes, 0, cut)), `cut at ${cut}`).toBe(whole)
    }
  })
})

test('every single bit that flips is noticed', () => {
  for (let bit = 0; bit < CHECK.length * 8; bit++) {
    const damaged = new Uint8Array(CHECK)
    damaged[bit >> 3] = (CHECK[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(crc32(damaged, 0, damaged.length)).not.toBe(CHECK_VALUE)
  }
})
