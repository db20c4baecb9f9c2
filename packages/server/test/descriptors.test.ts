import { openSync, closeSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Descriptors, systemDescriptors } from '../src/descriptors.ts'

it('between two counts, own sockets come and go; a count finds all others, and a changed limit', () => {
  const system = { limit: 100, used: 30 }
  const source = { limit: (): number => system.limit, used: (): number => system.used }
  const descriptors = new Descriptors(source)
  expect([descriptors.free(0), descriptors.free(10)]).toEqual([70, 60])
  // Ten of its own, and five files of somebody else in this process.
  system.used = 45
  descriptors.recount(10)
  expect([descriptors.free(10), descriptors.free(0)]).toEqual([55, 65])
  system.limit = 50
  descriptors.recount(10)
  expect(descriptors.free(10)).toBe(5)
})

it.skipIf(process.platform !== 'linux')('the system counts every open file', () => {
  const before = systemDescriptors.used()
  const files = Array.from({ length: 50 }, () => openSync('/dev/null', 'r'))
  expect(systemDescriptors.used()).toBe(before + 50)
  for (const file of files) closeSync(file)
  expect(systemDescriptors.limit()).toBeGreaterThan(before)
})
