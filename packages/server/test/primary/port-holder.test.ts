import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { explainPortError } from '../../src/primary/listen-error.ts'
import { findPortHolders, listeningInodes } from '../../src/primary/port-holder.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1CE8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000 100 0 0 10 0
   1: 0100007F:1CE8 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0000 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0000 100 0 0 10 0`

describe('who listens on a port', () => {
  it('reads the listening rows of that port and no others', () => {
    expect(listeningInodes(TABLE, 7400)).toEqual(['4242'])
    expect(listeningInodes(TABLE, 22)).toEqual(['4244'])
    expect(listeningInodes(TABLE, 23)).toEqual([])
    expect(listeningInodes('', 22)).toEqual([])
  })

  it('finds this very process', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const holders = findPortHolders(port)
    server.close()
    expect(holders.map(({ pid }) => pid)).toContain(process.pid)
    expect(holders[0]?.command).not.toBe('')
  })

  it('looks at the first descriptors of a process only: a million of them must not hold up a start', async () => {
    const before = Array.from({ length: 300 }, () => openSync('/dev/null', 'r'))
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const holders = findPortHolders((server.address() as AddressInfo).port)
    server.close()
    for (const fd of before) closeSync(fd)
    expect(holders).toEqual([])
  })

  it('is this daemon itself when two of its addresses have one port', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const wanted = { address: `tcp://127.0.0.1:${port}`, port, option: 'SHARDWIRE_LISTEN' }
    const told = explainPortError(wanted, Object.assign(new Error('in use'), { code: 'EADDRINUSE' }))
    server.close()
    expect(told).toContain(
      'by another address of this daemon: two of SHARDWIRE_LISTEN, or one of them and SHARDWIRE_ADMIN',
    )
    expect(told).toContain('Set SHARDWIRE_LISTEN to another port')
  })
})
