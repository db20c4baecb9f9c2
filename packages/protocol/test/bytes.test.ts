/** The primitives over raw bytes: big-endian, unsigned, and copies that keep to their range. */
import { allocateMemory, copyBytes, readU16, readU32, writeU16, writeU32 } from '@shardwire/protocol'
import { expect, test } from 'vitest'

test('integers are big-endian and unsigned', () => {
  const memory = Uint8Array.of(0, 0xff, 0xfe, 0xfd, 0xfc)
  expect(readU16(memory, 1)).toBe(0xfffe)
  expect(readU32(memory, 1)).toBe(0xfffefdfc)
})

test('what is written is what is read', () => {
  const memory = new Uint8Array(8)
  for (const value of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
    writeU32(memory, 2, value)
    expect(readU32(memory, 2)).toBe(value)
    writeU16(memory, 2, value & 0xffff)
    expect(readU16(memory, 2)).toBe(value & 0xffff)
  }
  expect([...memory.subarray(0, 2), ...memory.subarray(6)]).toEqual([0, 0, 0, 0])
})

test('a copy touches its target range only, by loop and by native call', () => {
  const source = Uint8Array.from({ length: 400 }, (_, index) => (index % 255) + 1)
  for (const length of [0, 1, 95, 96, 97, 300]) {
    const target = new Uint8Array(400)
    copyBytes(source, 7, 7 + length, target, 11)
    expect(target.subarray(11, 11 + length)).toEqual(source.subarray(7, 7 + length))
    expect(target.reduce((count, byte) => count + (byte === 0 ? 0 : 1), 0)).toBe(length)
  }
})

test('allocated memory is alone in its ArrayBuffer', () => {
  const memory = allocateMemory(100)
  expect(memory.length).toBe(100)
  expect(memory.buffer.byteLength).toBe(100)
})
