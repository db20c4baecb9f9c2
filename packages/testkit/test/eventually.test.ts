/** Rules of looking, and of what is looked at in /proc. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { eventually } from '../src/eventually.ts'
import { childrenOf, descriptorsOf, hasProc } from '../src/processes.ts'

describe('eventually', () => {
  it('looks again until there is something, and gives it', async () => {
    let looks = 0
    expect(
      await eventually(
        () => (++looks < 3 ? undefined : looks),
        () => 'never',
      ),
    ).toBe(3)
  })

  it('says what is missing when it never comes', async () => {
    await expect(
      eventually(
        () => false,
        () => 'no luck',
        30,
      ),
    ).rejects.toThrow('no luck (looked for 30 ms)')
  })
})

describe.skipIf(!hasProc)('processes', () => {
  it('sees a child, that it is stopped, and that it is gone', async () => {
    const child = spawn('/bin/sh', ['-c', 'read _'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const pid = child.pid ?? 0
    const state = (): string | undefined => childrenOf(process.pid).find((one) => one.pid === pid)?.state
    await eventually(
      () => state() === 'S',
      () => `state ${state()}`,
    )
    expect(descriptorsOf(pid)).toBeGreaterThanOrEqual(3)
    child.kill('SIGSTOP')
    await eventually(
      () => state() === 'T',
      () => `state ${state()}`,
    )
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
    expect([state(), descriptorsOf(pid)]).toEqual([undefined, 0])
  })
})
