/** Rules of connecting by names that DNS servers resolve: slow, dead and changing ones. */
import { DnsServer, eventually, FakeClock, Latch, ScriptedPeer, silent, zone } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { connect, DnsResolver } from '../../src/index.ts'
import { rejectionOf } from '../support.ts'

it('an AAAA that is never answered costs 50 ms, and its question ends with the connection', async () => {
  await using peer = await ScriptedPeer.listen(silent)
  const script = zone({ 'a.test': ['127.0.0.1'] })
  await using dns = await DnsServer.listen((asked) => (asked.type === 'AAAA' ? undefined : script(asked)))
  const clock = new FakeClock()
  const resolver = new DnsResolver({ servers: [dns.text], clock, hostsFile: false })
  const connecting = connect({ host: 'a.test', port: peer.port, resolver, clock, hello: false, heartbeatMs: 0 })
  // The deadline, and for each question two; then those of A are gone, and 50 ms are waited for.
  await eventually(
    () => clock.pendingTimers === 4 && dns.asked.length === 2,
    () => `${clock.pendingTimers} timers`,
  )
  clock.advance(50)
  const connection = await connecting
  expect(connection.dialed.address).toBe(`127.0.0.1:${peer.port}`)
  expect(clock.pendingTimers).toBe(0)
  connection.destroy()
})

it('an answer that comes after the deadline connects nobody', async () => {
  await using peer = await ScriptedPeer.listen(silent)
  const late = new Latch()
  await using dns = await DnsServer.listen(async () => {
    await late.promise
    return { records: [{ type: 'A', data: '127.0.0.1' }] }
  })
  const clock = new FakeClock()
  const resolver = new DnsResolver({ servers: [dns.text], clock, hostsFile: false })
  const failing = rejectionOf(connect({ host: 'a.test', port: peer.port, resolver, clock, timeoutMs: 300 }))
  await dns.nextQuestion()
  clock.advance(300)
  expect(await failing).toMatchObject({
    ...{ code: 'CONNECT_TIMEOUT', phase: 'resolve' },
    phases: [{ phase: 'resolve', tookMs: 300 }],
  })
  expect(clock.pendingTimers).toBe(0)
  late.open()
  expect(peer.connections).toEqual([])
})

it('dead DNS servers end the attempt within the time for DNS, not that for connecting', async () => {
  await using dns = await DnsServer.listen(() => undefined)
  const clock = new FakeClock()
  const resolver = new DnsResolver({ servers: [dns.text], clock, hostsFile: false })
  const failing = rejectionOf(connect({ host: 'a.test', port: 1, resolver, clock }))
  await dns.nextQuestion()
  await dns.nextQuestion()
  clock.advance(2000)
  expect(await failing).toMatchObject({
    ...{ code: 'CONNECT_FAILED', phase: 'resolve', cause: { code: 'ETIMEOUT', tries: expect.any(Array) } },
    message: 'connection to a.test:1: resolve failed (ETIMEOUT); resolve 2000.0 ms',
  })
  expect(clock.pendingTimers).toBe(0)
})

it('a name whose addresses took no connection is looked up anew: a server that has moved is found', async () => {
  await using peer = await ScriptedPeer.listen(silent)
  let address = '127.0.0.9'
  await using dns = await DnsServer.listen((asked) => zone({ 'a.test': [address] }, 3600)(asked))
  const clock = new FakeClock()
  const resolver = new DnsResolver({ servers: [dns.text], clock, hostsFile: false })
  const target = { host: 'a.test', port: peer.port, resolver, clock, hello: false, heartbeatMs: 0 } as const
  const error = await rejectionOf(connect(target))
  expect(error).toMatchObject({ code: 'CONNECT_FAILED', tries: [{ address: '127.0.0.9' }] })
  address = '127.0.0.1'
  expect(await rejectionOf(connect(target))).toMatchObject({ tries: [{ address: '127.0.0.9' }] })
  clock.advance(1000)
  await rejectionOf(connect(target))
  const connection = await connect(target)
  expect(connection.dialed.address).toBe(`127.0.0.1:${peer.port}`)
  connection.destroy()
})
