/** Rules of finding the addresses of one host: both families at once, neither keeps anybody waiting for the other. */
import { FakeClock } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import { HostAddresses } from '../../src/resolve/host-addresses.ts'
import type { AddressFamily, Resolver } from '../../src/resolve/resolver.ts'

interface Asked {
  readonly clock: FakeClock
  readonly addresses: HostAddresses
  readonly events: string[]
  readonly answer: (family: AddressFamily, addresses: readonly string[] | Error) => Promise<void>
  readonly signals: AbortSignal[]
}

function ask(families: readonly AddressFamily[] = [6, 4]): Asked {
  const clock = new FakeClock()
  const events: string[] = []
  const signals: AbortSignal[] = []
  const asked = new Map<AddressFamily, PromiseWithResolvers<readonly string[]>>()
  const resolver: Resolver = {
    resolve: (_host, family, signal) => {
      const answer = Promise.withResolvers<readonly string[]>()
      asked.set(family, answer)
      if (signal !== undefined) signals.push(signal)
      return answer.promise
    },
  }
  const addresses = new HostAddresses(
    { resolver, host: 'h', families, clock },
    {
      onAddresses: (family, found) => events.push(`${family}: ${found.join(' ')}`),
      onComplete: () => events.push('complete'),
      onFailed: (error) => events.push(`failed ${error.message}`),
    },
  )
  addresses.start()
  return {
    ...{ clock, addresses, events, signals },
    answer: async (family, found) => {
      const answer = asked.get(family)
      if (found instanceof Error) answer?.reject(found)
      else answer?.resolve(found)
      await Promise.allSettled([answer?.promise])
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

describe('addresses', () => {
  it('of IPv6 are given at once, those of IPv4 when they come', async () => {
    const { events, answer, clock } = ask()
    await answer(6, ['::1'])
    expect(events).toEqual(['6: ::1'])
    await answer(4, ['10.0.0.1'])
    expect(events).toEqual(['6: ::1', '4: 10.0.0.1', 'complete'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('of IPv4 wait 50 ms for IPv6, which is preferred if it comes by then', async () => {
    const { events, answer, clock } = ask()
    await answer(4, ['10.0.0.1'])
    clock.advance(49)
    expect(events).toEqual([])
    await answer(6, ['::1'])
    expect(events).toEqual(['6: ::1', '4: 10.0.0.1', 'complete'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('of IPv4 do not wait longer: an AAAA that is never answered costs 50 ms', async () => {
    const { events, answer, clock } = ask()
    await answer(4, ['10.0.0.1'])
    clock.advance(50)
    expect(events).toEqual(['4: 10.0.0.1'])
    await answer(6, ['::1'])
    expect(events).toEqual(['4: 10.0.0.1', '6: ::1', 'complete'])
  })

  it.each([[[]], [new Error('SERVFAIL')]])('of IPv4 do not wait when IPv6 has none (%s)', async (none) => {
    const { events, answer, clock } = ask()
    await answer(4, ['10.0.0.1'])
    await answer(6, none)
    expect(events).toEqual(['4: 10.0.0.1', 'complete'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('there are none of: the error is that of IPv4', async () => {
    const { events, answer } = ask()
    await answer(6, new Error('no AAAA'))
    await answer(4, new Error('no A'))
    expect(events).toEqual(['failed no A'])
  })

  it('there are none of, without an error', async () => {
    const { events, answer } = ask()
    await answer(6, [])
    await answer(4, [])
    expect(events).toEqual(['failed h has no address'])
  })

  it('are asked for in the wanted family alone', async () => {
    const { events, answer, signals } = ask([4])
    expect(signals).toHaveLength(1)
    await answer(4, ['10.0.0.1'])
    expect(events).toEqual(['4: 10.0.0.1', 'complete'])
  })

  it('that come after the end are not told, and asking is aborted', async () => {
    const { events, answer, addresses, clock, signals } = ask()
    await answer(4, ['10.0.0.1'])
    addresses[Symbol.dispose]()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    await answer(6, ['::1'])
    clock.advance(1000)
    expect(events).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})
