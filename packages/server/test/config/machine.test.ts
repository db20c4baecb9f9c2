/** Owns the tests of the machine's facts: what each system answers, and what is made of it. */
import { describe, expect, it } from 'vitest'
import { memoryLimit, parseDescriptorLimit, readMachine, reportedDescriptorLimit } from '../../src/config/machine.ts'

describe('memory limit', () => {
  it.each([
    ['no container', 0],
    ['a system that does not tell', undefined],
    ['a container without a limit', 2 ** 64],
    ['a limit above the memory of the machine', 5000],
  ])('is the memory of the machine with %s', (_, constrainedBytes) => {
    expect(memoryLimit(constrainedBytes, 4096)).toBe(4096)
  })

  it('is the limit of the container when that is smaller', () => {
    expect(memoryLimit(1024, 4096)).toBe(1024)
  })
})

describe('descriptor limit', () => {
  const limits = (soft: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \n` +
    `Max processes             96365                96365                processes \n` +
    `Max open files            ${soft.padEnd(21)}524288               files     \n`

  it('is the soft limit of the process, not the hard one', () => {
    expect(parseDescriptorLimit(limits('20000'))).toBe(20_000)
  })

  it('stays a number that JSON can carry when there is no limit', () => {
    expect(parseDescriptorLimit(limits('unlimited'))).toBe(Number.MAX_SAFE_INTEGER)
    expect(reportedDescriptorLimit({ userLimits: { open_files: { soft: 'unlimited' } } })).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('is unknown where the text does not say', () => {
    expect(parseDescriptorLimit('Max processes 1 1 processes\n')).toBeUndefined()
  })

  it('comes out of the diagnostic report where there is no /proc, and is 1024 where that is silent too', () => {
    expect(reportedDescriptorLimit({ userLimits: { open_files: { soft: 256 } } })).toBe(256)
    expect(reportedDescriptorLimit({})).toBe(1024)
  })
})

it('every fact of this machine is a positive integer', () => {
  for (const fact of Object.values(readMachine())) expect(Number.isSafeInteger(fact) && fact > 0).toBe(true)
})
