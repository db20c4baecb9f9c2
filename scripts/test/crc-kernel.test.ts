/** The compiled CRC kernel that is checked in is the one that its source gives, and its taps are what they claim. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KERNEL_FILE, kernelModule } from '../crc-kernel.ts'
import { TAPS } from '../crc-kernel/fold.ts'

test('the checked-in kernel is up to date', async () => {
  const hint = 'run node --conditions=source scripts/crc-kernel.ts'
  expect(readFileSync(KERNEL_FILE, 'utf8'), hint).toBe(await kernelModule())
})

test('a byte may be moved to all taps at once: the sum of x^(-8 tap) is 1', () => {
  const one = 0x8000_0000
  /** Divides by x in the reflected order of bits; bit 31 is x^0. */
  const divideByX = (value: number): number => (value & one ? ((value ^ 0xedb88320) << 1) | 1 : value << 1) >>> 0
  const power = (tap: number): number => Array.from({ length: 8 * tap }).reduce<number>(divideByX, one)
  expect(TAPS.map(power).reduce((sum, term) => (sum ^ term) >>> 0)).toBe(one)
})
