/** Rules of resolving by DNS, against a server that does what the test says. */
import { DnsServer, FakeClock, Latch, zone } from '@shardwire/testkit'
import type { DnsScript } from '@shardwire/testkit'
import { encode } from 'dns-packet'
import { createSocket } from 'node:dgram'
import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DnsError, DnsResolver } from '../../src/index.ts'
import type { DnsResolverOptions } from '../../src/index.ts'
import { rejectionOf } from '../support.ts'

const A: DnsScript = ({ type }) => (type === 'A' ? { records: [{ type: 'A', data: '10.0.0.1' }] } : {})
const silent: DnsScript = () => undefined
const servfail: DnsScript = () => ({ rcode: 2 })

interface Bench {
  readonly clock: FakeClock
  readonly servers: readonly DnsServer[]
  readonly resolver: DnsResolver
}

async function withServers<T>(
  scripts: readonly DnsScript[],
  use: (bench: Bench) => Promise<T>,
  options: DnsResolverOptions = {},
): Promise<T> {
  const servers: DnsServer[] = []
  try {
    for (const script of scripts) servers.push(await DnsServer.listen(script))
    const clock = new FakeClock()
    const texts = servers.map(({ text }) => text)
    const resolver = new DnsResolver({ servers: texts, clock, hostsFile: false, ...options })
    const result = await use({ clock, servers, resolver })
    expect(clock.pendingTimers).toBe(0)
    return result
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
}

/** The two servers of most tests. */
function pair({ servers }: Bench): readonly [DnsServer, DnsServer] {
  const [first, second] = servers
  if (first === undefined || second === undefined) throw new Error('expected two servers')
  return [first, second]
}

describe('a name', () => {
  it('has its addresses by family, in the order of the answer', async () => {
    const script = zone({ 'a.test': ['10.0.0.2', '10.0.0.1', 'fd00::1'] })
    await withServers([script], async ({ resolver, servers }) => {
      expect(await Promise.all([resolver.resolve('a.test', 4), resolver.resolve('a.test', 6)])).toEqual([
        ['10.0.0.2', '10.0.0.1'],
        ['fd00::1'],
      ])
      expect(servers[0]?.asked.map(({ type, transport }) => `${type} ${transport}`).sort()).toEqual([
        ...['A UDP', 'AAAA UDP'],
      ])
    })
  })

  it('is asked for in small letters, without the dot at its end, and in ASCII', async () => {
    await withServers([A], async ({ resolver, servers }) => {
      await resolver.resolve('A.Test.', 4)
      await resolver.resolve('bücher.test', 4)
      expect(servers[0]?.asked.map(({ name }) => name)).toEqual(['a.test', 'xn--bcher-kva.test'])
    })
  })

  it('that is none is refused unasked', async () => {
    await withServers([A], async ({ resolver, servers }) => {
      for (const host of ['', '.', 'a..b', '-a.test', `${'x'.repeat(64)}.test`, 'a b', `${'abc.'.repeat(70)}test`]) {
        expect(await rejectionOf(resolver.resolve(host, 4))).toMatchObject({ code: 'EBADNAME' })
      }
      expect(servers[0]?.asked).toEqual([])
    })
  })

  it('that is an address is itself', async () => {
    await withServers([silent], async ({ resolver }) => {
      expect(await resolver.resolve('10.1.2.3', 4)).toEqual(['10.1.2.3'])
      expect(await resolver.resolve('10.1.2.3', 6)).toEqual([])
      expect(await resolver.resolve('::1', 6)).toEqual(['::1'])
    })
  })

  it('that is localhost is this machine, whatever DNS says', async () => {
    await withServers([A], async ({ resolver, servers }) => {
      expect(await resolver.resolve('localhost', 4)).toEqual(['127.0.0.1'])
      expect(await resolver.resolve('db.localhost', 6)).toEqual(['::1'])
      expect(servers[0]?.asked).toEqual([])
    })
  })

  it('is followed through its aliases, and holds as long as the shortest of them', async () => {
    const script: DnsScript = () => ({
      records: [
        { type: 'CNAME', data: 'b.test', ttl: 5 },
        { name: 'b.test', type: 'CNAME', data: 'c.test', ttl: 100 },
        { name: 'c.test', type: 'A', data: '10.0.0.9', ttl: 50 },
      ],
    })
    await withServers([script], async ({ resolver, clock }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.9'])
      clock.advance(4999)
      await resolver.resolve('a.test', 4)
      expect(resolver.stats).toMatchObject({ lookups: 1, hits: 1 })
      clock.advance(1)
      await resolver.resolve('a.test', 4)
      expect(resolver.stats.lookups).toBe(2)
    })
  })

  it('takes no address that belongs to another name', async () => {
    const script: DnsScript = () => ({ records: [{ name: 'evil.test', type: 'A', data: '6.6.6.6' }] })
    await withServers([script], async ({ resolver }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual([])
    })
  })
})

describe('the next server', () => {
  it.each([
    ['fails', servfail],
    ['refuses', (() => ({ rcode: 5 })) satisfies DnsScript],
    ['sends garbage', (({ id }) => ({ bytes: Uint8Array.of(id >> 8, id & 255, 0xff) })) satisfies DnsScript],
  ])('is asked at once when the first %s', async (_what, script) => {
    await withServers([script, A], async ({ resolver }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
    })
  })

  it('is asked at once when nobody listens at the first', async () => {
    const gone = await DnsServer.listen()
    const { text } = gone
    await gone[Symbol.asyncDispose]()
    await withServers([A], async ({ servers, clock }) => {
      const resolver = new DnsResolver({ servers: [text, servers[0]?.text ?? ''], clock, hostsFile: false })
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
    })
  })

  it('is asked beside the first when that is silent for 400 ms, and later before it, for 10 s', async () => {
    await withServers([silent, A], async (bench) => {
      const { clock, resolver } = bench
      const [first, second] = pair(bench)
      const answer = resolver.resolve('a.test', 4)
      await first.nextQuestion()
      clock.advance(399)
      expect(second.asked).toEqual([])
      clock.advance(1)
      expect(await answer).toEqual(['10.0.0.1'])
      expect(await resolver.resolve('b.test', 4)).toEqual(['10.0.0.1'])
      expect(first.asked).toHaveLength(1)
      clock.advance(10_000)
      first.script = A
      await resolver.resolve('c.test', 4)
      expect(first.asked).toHaveLength(2)
    })
  })

  it('does not keep a slow first one from answering', async () => {
    const late = new Latch()
    const slow: DnsScript = async () => {
      await late.promise
      return { records: [{ type: 'A', data: '10.0.0.7' }] }
    }
    await withServers([slow, silent], async (bench) => {
      const answer = bench.resolver.resolve('a.test', 4)
      const [first, second] = pair(bench)
      await first.nextQuestion()
      bench.clock.advance(400)
      await second.nextQuestion()
      late.open()
      expect(await answer).toEqual(['10.0.0.7'])
    })
  })
})

describe('TCP', () => {
  const truncated: DnsScript = ({ transport }) =>
    transport === 'UDP'
      ? { isTruncated: true, records: [{ type: 'A', data: '10.0.0.1' }] }
      : { records: Array.from({ length: 200 }, (_, index) => ({ type: 'A', data: `10.0.1.${index}` }) as const) }

  it('is asked at once when an answer is truncated, and gives all of it', async () => {
    await withServers([truncated], async ({ resolver, servers }) => {
      expect(await resolver.resolve('a.test', 4)).toHaveLength(200)
      expect(servers[0]?.asked.map(({ transport }) => transport)).toEqual(['UDP', 'TCP'])
    })
  })

  it('is asked when UDP is silent everywhere', async () => {
    const script: DnsScript = (asked) => (asked.transport === 'TCP' ? A(asked) : undefined)
    await withServers([script, silent], async (bench) => {
      const [first, second] = pair(bench)
      const answer = bench.resolver.resolve('a.test', 4)
      await first.nextQuestion()
      bench.clock.advance(400)
      await second.nextQuestion()
      bench.clock.advance(400)
      expect(await answer).toEqual(['10.0.0.1'])
    })
  })

  it('is not asked of a server that has said no', async () => {
    await withServers([servfail], async ({ resolver, servers }) => {
      expect(await rejectionOf(resolver.resolve('a.test', 4))).toMatchObject({ code: 'ESERVFAIL' })
      expect(servers[0]?.asked.map(({ transport }) => transport)).toEqual(['UDP'])
    })
  })

  it('that ends before the answer is whole is a failure', async () => {
    const script: DnsScript = ({ transport, id }) =>
      transport === 'UDP' ? { isTruncated: true } : { bytes: Uint8Array.of(id >> 8, id & 255) }
    await withServers([script, A], async ({ resolver }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
    })
  })
})

describe('an answer', () => {
  it('with another id, name or type is nobody\u2019s, and the right one is waited for', async () => {
    const lie = { records: [{ type: 'A', data: '6.6.6.6' }] } as const
    const liar: DnsScript = ({ id }) => [
      { ...lie, id: (id + 1) & 0xffff },
      { ...lie, question: { name: 'b.test', type: 'A' } },
      { ...lie, question: { name: 'a.test', type: 'AAAA' } },
      { ...lie, question: 'none' },
      { records: [{ type: 'A', data: '10.0.0.1' }] },
    ]
    await withServers([liar], async ({ resolver }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
    })
  })

  it('from somebody else is not taken', async () => {
    const truth = new Latch()
    const script: DnsScript = async () => {
      await truth.promise
      return { records: [{ type: 'A', data: '10.0.0.1' }] }
    }
    await withServers([script, silent], async (bench) => {
      const [first] = pair(bench)
      const answer = bench.resolver.resolve('a.test', 4)
      const { id, port } = await first.nextQuestion()
      const lie = encode({
        ...{ type: 'response', id, questions: [{ type: 'A', name: 'a.test', class: 'IN' }] },
        answers: [{ type: 'A', name: 'a.test', ttl: 1, class: 'IN', data: '6.6.6.6' }],
      })
      const stranger = createSocket('udp4')
      await new Promise((resolve) => stranger.send(lie, port, '127.0.0.1', resolve))
      stranger.close()
      truth.open()
      expect(await answer).toEqual(['10.0.0.1'])
    })
  })

  it('that there is no such name, and that it has no address, is kept', async () => {
    const script = zone({ 'only4.test': ['10.0.0.1'] }, 10)
    await withServers([script], async ({ resolver, clock }) => {
      for (let count = 0; count < 3; count++) {
        const error = await rejectionOf(resolver.resolve('nowhere.test', 4))
        expect(error).toBeInstanceOf(DnsError)
        expect(error).toMatchObject({ code: 'ENOTFOUND', hostname: 'nowhere.test' })
        expect(await resolver.resolve('only4.test', 6)).toEqual([])
      }
      expect(resolver.stats).toMatchObject({ lookups: 2, hits: 4 })
      clock.advance(10_000)
      await rejectionOf(resolver.resolve('nowhere.test', 4))
      expect(resolver.stats.lookups).toBe(3)
    })
  })

  it('that there is none is kept no longer than negativeTtlMaxMs, and 5 s where the server does not say', async () => {
    await withServers(
      [(({ name }) => ({ rcode: 3, ...(name === 'a.test' ? { negativeTtl: 3600 } : {}) })) satisfies DnsScript],
      async ({ resolver, clock }) => {
        await Promise.allSettled([resolver.resolve('a.test', 4), resolver.resolve('b.test', 4)])
        clock.advance(5000)
        await Promise.allSettled([resolver.resolve('a.test', 4), resolver.resolve('b.test', 4)])
        expect(resolver.stats.lookups).toBe(3)
        clock.advance(2000)
        await Promise.allSettled([resolver.resolve('a.test', 4)])
        expect(resolver.stats.lookups).toBe(4)
      },
      { negativeTtlMaxMs: 7000 },
    )
  })
})

describe('no answer', () => {
  it('within timeoutMs is ETIMEOUT, with what was tried, and leaves nothing', async () => {
    await withServers([silent], async ({ resolver, clock, servers }) => {
      const failing = rejectionOf(resolver.resolve('a.test', 4))
      await servers[0]?.nextQuestion()
      clock.advance(400)
      await servers[0]?.nextQuestion()
      clock.advance(1600)
      expect(await failing).toMatchObject({
        ...{ code: 'ETIMEOUT', hostname: 'a.test' },
        tries: [
          { transport: 'UDP', outcome: 'silent', tookMs: 2000 },
          { transport: 'TCP', outcome: 'silent', tookMs: 1600 },
        ],
        message: expect.stringMatching(/^A of a\.test: ETIMEOUT; 127\.0\.0\.1:\d+ by UDP: silent after 2000 ms; /),
      })
    })
  })

  it('that comes after the deadline changes nothing', async () => {
    const late = new Latch()
    const script: DnsScript = async () => {
      await late.promise
      return { records: [{ type: 'A', data: '10.0.0.1' }] }
    }
    await withServers([script], async ({ resolver, clock, servers }) => {
      const failing = rejectionOf(resolver.resolve('a.test', 4))
      await servers[0]?.nextQuestion()
      clock.advance(2000)
      expect(await failing).toMatchObject({ code: 'ETIMEOUT' })
      late.open()
      expect(await rejectionOf(resolver.resolve('a.test', 4))).toMatchObject({ code: 'ETIMEOUT' })
      expect(resolver.stats).toMatchObject({ lookups: 1, hits: 1 })
    })
  })

  it('is kept for a second, so that a storm asks once', async () => {
    await withServers([servfail], async ({ resolver, clock }) => {
      for (let count = 0; count < 10; count++) await rejectionOf(resolver.resolve('a.test', 4))
      expect(resolver.stats.lookups).toBe(1)
      clock.advance(1000)
      await rejectionOf(resolver.resolve('a.test', 4))
      expect(resolver.stats.lookups).toBe(2)
    })
  })

  it('lets what has expired serve for staleMaxMs, and servers are asked every 5 s', async () => {
    await withServers(
      [A],
      async ({ resolver, clock, servers }) => {
        const [server] = servers
        if (server === undefined) return
        await resolver.resolve('a.test', 4)
        server.script = servfail
        clock.advance(60_000)
        expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
        expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
        expect(resolver.stats).toMatchObject({ lookups: 2, stale: 1, hits: 1 })
        clock.advance(5000)
        server.script = () => ({ records: [{ type: 'A', data: '10.0.0.2' }] })
        expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.2'])
        server.script = servfail
        clock.advance(160_001)
        expect(await rejectionOf(resolver.resolve('a.test', 4))).toMatchObject({ code: 'ESERVFAIL' })
      },
      { staleMaxMs: 100_000 },
    )
  })
})

describe('the cache', () => {
  it('holds an answer as long as it says, and sees a change then', async () => {
    let data = '10.0.0.1'
    const script: DnsScript = () => ({ records: [{ type: 'A', data, ttl: 30 }] })
    await withServers([script], async ({ resolver, clock }) => {
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
      data = '10.0.0.2'
      clock.advance(29_999)
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
      clock.advance(1)
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.2'])
    })
  })

  it('forgets what led nowhere, but not what is younger than a second', async () => {
    let data = '10.0.0.1'
    const script: DnsScript = () => ({ records: [{ type: 'A', data, ttl: 3600 }] })
    await withServers([script], async ({ resolver, clock }) => {
      await resolver.resolve('a.test', 4)
      data = '10.0.0.2'
      resolver.forget('A.test')
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.1'])
      clock.advance(1000)
      resolver.forget('A.test')
      expect(await resolver.resolve('a.test', 4)).toEqual(['10.0.0.2'])
    })
  })

  it('keeps nothing with a time of 0, nor longer than ttlMaxMs', async () => {
    const script: DnsScript = ({ name }) => ({
      records: [{ type: 'A', data: '10.0.0.1', ttl: name === 'zero.test' ? 0 : 4_000_000 }],
    })
    const options = { ttlMaxMs: 50_000, staleMaxMs: 0 }
    await withServers(
      [script],
      async ({ resolver, clock }) => {
        for (const name of ['zero.test', 'zero.test', 'long.test']) await resolver.resolve(name, 4)
        expect(resolver.stats).toMatchObject({ lookups: 3, cached: 1 })
        clock.advance(50_000)
        await resolver.resolve('long.test', 4)
        expect(resolver.stats.lookups).toBe(4)
      },
      options,
    )
  })

  it('is bounded, and what was used longest ago goes first', async () => {
    await withServers(
      [A],
      async ({ resolver }) => {
        for (const name of ['a.test', 'b.test', 'a.test', 'c.test', 'a.test']) await resolver.resolve(name, 4)
        expect(resolver.stats).toMatchObject({ cached: 2, lookups: 3, hits: 2 })
        await resolver.resolve('b.test', 4)
        expect(resolver.stats.lookups).toBe(4)
      },
      { cacheEntriesMax: 2 },
    )
  })
})

describe('lookups at the same time', () => {
  it('of the same name are one', async () => {
    await withServers([A], async ({ resolver, servers }) => {
      const all = await Promise.all(Array.from({ length: 100 }, () => resolver.resolve('a.test', 4)))
      expect(all.every(([address]) => address === '10.0.0.1')).toBe(true)
      expect(servers[0]?.asked).toHaveLength(1)
    })
  })

  it('end each by its own signal, and the question with the last', async () => {
    await withServers([silent], async ({ resolver, servers, clock }) => {
      const [one, other] = [new AbortController(), new AbortController()]
      const first = rejectionOf(resolver.resolve('a.test', 4, one.signal))
      const second = rejectionOf(resolver.resolve('a.test', 4, other.signal))
      await servers[0]?.nextQuestion()
      one.abort('one')
      expect(await first).toBe('one')
      expect(clock.pendingTimers).toBe(2)
      other.abort('other')
      expect(await second).toBe('other')
      expect(clock.pendingTimers).toBe(0)
      for (const { signal } of [one, other]) expect(getEventListeners(signal, 'abort')).toEqual([])
      expect(await rejectionOf(resolver.resolve('a.test', 4, AbortSignal.abort('gone')))).toBe('gone')
      expect(servers[0]?.asked).toHaveLength(1)
    })
  })

  it('that end at once have asked nobody, and leave no socket', async () => {
    await withServers([A], async ({ resolver }) => {
      for (let count = 0; count < 50; count++) {
        const controller = new AbortController()
        const ending = rejectionOf(resolver.resolve(`a${count}.test`, 4, controller.signal))
        controller.abort('at once')
        expect(await ending).toBe('at once')
      }
    })
  })
})

describe('the hosts file', () => {
  it('comes first, is read again when it changes, and may be left out', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shardwire-hosts-'))
    const path = join(directory, 'hosts')
    writeFileSync(path, '# mine\n10.9.9.9\tdb.test DB2.test # both\nfd00::9 db.test\nnonsense\n')
    await withServers(
      [A],
      async ({ resolver, clock, servers }) => {
        expect(await resolver.resolve('DB.test', 4)).toEqual(['10.9.9.9'])
        expect(await resolver.resolve('db.test', 6)).toEqual(['fd00::9'])
        expect(await resolver.resolve('db2.test', 6)).toEqual([])
        expect(await resolver.resolve('other.test', 4)).toEqual(['10.0.0.1'])
        writeFileSync(path, '10.9.9.10 db.test\n10.9.9.10 db2.test and more\n')
        clock.advance(1000)
        expect(await resolver.resolve('db.test', 4)).toEqual(['10.9.9.10'])
        rmSync(path)
        clock.advance(1000)
        expect(await resolver.resolve('db.test', 4)).toEqual(['10.0.0.1'])
        expect(servers[0]?.asked.map(({ name }) => name)).toEqual(['other.test', 'db.test'])
      },
      { hostsFile: path },
    )
    rmSync(directory, { recursive: true })
  })
})

describe('options', () => {
  it.each([
    [{ servers: [] }, 'servers: expected 1 to 8, got 0'],
    [{ servers: ['dns.example'] }, 'servers: expected an address with or without a port'],
    [{ servers: ['10.0.0.1:0'] }, 'got "10.0.0.1:0"'],
    [{ timeoutMs: 0 }, 'timeoutMs: expected an integer from 1 to 2147483647, got 0'],
    [{ cacheEntriesMax: -1 }, 'cacheEntriesMax: expected an integer from 0'],
  ])('%j are refused', (options, message) => {
    expect(() => new DnsResolver(options)).toThrow(message)
  })

  it.each(['10.0.0.1', '10.0.0.1:5353', 'fd00::53', '[fd00::53]', '[fd00::53]:5353'])('%s is a server', (server) => {
    expect(() => new DnsResolver({ servers: [server] })).not.toThrow()
  })

  it('are the system\u2019s unless set', () => {
    expect(() => new DnsResolver()).not.toThrow()
  })
})
