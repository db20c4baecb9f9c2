/** The CRC: its value is the one that everybody else computes, whatever the method, the length or the pieces. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { allocateKernelMemory, crc32, crc32ByTable, crc32Staged } from '@shardwire/protocol'
import { nextTurn, withSeed } from '@shardwire/testkit'
import { expect, test, vi } from 'vitest'

const CHECK = new TextEncoder().encode('123456789')
/** What the catalogue of parametrised CRCs gives for CRC-32/ISO-HDLC over those nine digits. */
const CHECK_VALUE = 0xcbf43926

/** Above every length at which the method changes. */
const ALL_METHODS_BYTES = 560

/** Memory in which the kernel computes without copying. */
const inKernel = allocateKernelMemory(128 * 1024) ?? expect.fail('this Node has no CRC kernel, or its memory is spent')

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

test('every method and the definition agree over every length around the crossing points', async () => {
  await withSeed('crc32 lengths', (random) => {
    const bytes = random.bytes(ALL_METHODS_BYTES + 16)
    inKernel.set(bytes)
    for (let length = 0; length <= ALL_METHODS_BYTES; length++) {
      const start = random.integer(0, 15)
      const end = start + length
      const expected = crcByDefinition(bytes.subarray(start, end))
      expect(crc32(bytes, start, end), `length ${length}`).toBe(expected)
      expect(crc32(inKernel, start, end), `length ${length}, in the kernel`).toBe(expected)
      expect(crc32Staged(bytes, start, end, 0), `length ${length}, staged`).toBe(expected)
      expect(crc32ByTable(bytes, start, end, 0), `length ${length}, by table`).toBe(expected)
      expect(zlibCrc32(bytes.subarray(start, end)), `length ${length}, zlib`).toBe(expected)
    }
  })
})

test('every method agrees with zlib over long runs, at any offset and from any seed', async () => {
  await withSeed('crc32 long runs', (random) => {
    const bytes = random.bytes(inKernel.length)
    inKernel.set(bytes)
    for (let run = 0; run < 300; run++) {
      const seed = random.integer(0, 0xffff_ffff)
      const start = random.integer(0, bytes.length)
      const end = random.integer(start, bytes.length)
      const expected = zlibCrc32(bytes.subarray(start, end), seed)
      const label = `[${start}, ${end}) from ${seed}`
      expect(crc32(bytes, start, end, seed), label).toBe(expected)
      expect(crc32(inKernel, start, end, seed), `${label}, in the kernel`).toBe(expected)
      expect(crc32ByTable(bytes, start, end, seed), `${label}, by table`).toBe(expected)
    }
  })
})

test('computing changes no byte of the memory', async () => {
  await withSeed('crc32 reads only', (random) => {
    const bytes = random.bytes(inKernel.length)
    inKernel.set(bytes)
    for (const length of [1, 70, 175, 176, 1034, 65_537, inKernel.length]) crc32(inKernel, 0, length)
    expect(Buffer.compare(inKernel, bytes)).toBe(0)
  })
})

test('the memory of the kernel cannot be taken away by a transfer', () => {
  expect(() => structuredClone(inKernel, { transfer: [inKernel.buffer as ArrayBuffer] })).toThrow(/transfer|clone/i)
  expect(inKernel.length).toBe(128 * 1024)
})

test('a Node without WebAssembly computes the same', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  vi.resetModules()
  const { allocateKernelMemory: allocate, crc32: compute } = await import('@shardwire/protocol')
  vi.unstubAllGlobals()
  expect(allocate(16)).toBeUndefined()
  await withSeed('crc32 without a kernel', (random) => {
    const bytes = random.bytes(2000)
    for (let end = 3; end <= bytes.length; end += 7) {
      expect(compute(bytes, 3, end), `[3, ${end})`).toBe(zlibCrc32(bytes.subarray(3, end)))
    }
  })
})

test('going on from a part gives the CRC of the whole, wherever the cut', async () => {
  await withSeed('crc32 parts', (random) => {
    const bytes = random.bytes(ALL_METHODS_BYTES)
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

/** In a function of its own: V8 keeps the variables of the one that waits. */
function forgotten(bytes: number): WeakRef<Uint8Array> {
  const memory = new Uint8Array(4 * 1024 * 1024)
  crc32(memory, 0, bytes)
  return new WeakRef(memory)
}

test('what is remembered between calls keeps no large memory alive', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Through the kernel, and by table.
  const large = [forgotten(4096), forgotten(100)]
  await nextTurn()
  collect()
  expect(large.map((memory) => memory.deref()?.length)).toEqual([undefined, undefined])
})
