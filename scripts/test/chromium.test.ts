/**
 * How a machine comes to a Chromium, with stand-ins for what is run.
 */
import { describe, expect, it } from 'vitest'
import { ensureChromium } from '../chromium/ensure.ts'

interface Machine {
  /** What leaves a Chromium there when it is run, by a part of its command. */
  readonly works: readonly string[]
  readonly isRoot?: boolean
  readonly hasOne?: boolean
}

async function ensureOn({
  works,
  isRoot = false,
  hasOne = false,
}: Machine): Promise<{ found: unknown; ran: string[] }> {
  const ran: string[] = []
  let isThere = hasOne
  const found = await ensureChromium({
    find: () => (isThere ? 'there' : undefined),
    isRoot,
    run: async (program, args) => {
      const command = [program, ...args].join(' ')
      ran.push(command)
      const isWell = works.some((part) => new RegExp(part).test(command))
      if (isWell && !command.includes('update')) isThere = true
      return await Promise.resolve(isWell)
    },
    download: ['playwright', 'install'],
    say: () => undefined,
  })
  return { found, ran: ran.map((command) => command.replace(' -y -qq --no-install-recommends', '')) }
}

describe('a Chromium', () => {
  it('that is there is taken', async () => {
    expect(await ensureOn({ works: [], isRoot: true, hasOne: true })).toEqual({ found: 'there', ran: [] })
  })

  it("is Debian's for root, the one without windows first", async () => {
    expect(await ensureOn({ works: ['update', 'headless-shell'], isRoot: true })).toEqual({
      found: 'there',
      ran: ['apt-get update -qq', 'apt-get install chromium-headless-shell'],
    })
    // An older release.
    const { found, ran } = await ensureOn({ works: ['update', 'recommends chromium$'], isRoot: true })
    expect(found).toBe('there')
    expect(ran.at(-1)).toBe('apt-get install chromium')
  })

  it('is downloaded where nobody is root, or there is no such package', async () => {
    expect(await ensureOn({ works: ['playwright'] })).toEqual({ found: 'there', ran: ['playwright install'] })
    const { found, ran } = await ensureOn({ works: ['update', 'playwright'], isRoot: true })
    expect(found).toBe('there')
    expect(ran).toEqual([
      'apt-get update -qq',
      'apt-get install chromium-headless-shell',
      'apt-get install chromium',
      'playwright install',
    ])
  })

  it('that cannot be had is none', async () => {
    expect(await ensureOn({ works: [], isRoot: true })).toMatchObject({ found: undefined })
  })
})
