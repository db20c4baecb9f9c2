import { execFileSync, spawnSync } from 'node:child_process'
import { type Daemon, RawClient, startDaemon } from '@shardwire/testkit'
import { describe, expect, it } from 'vitest'
import * as frames from './frames.ts'

/** iproute2's look at the timers of the kernel's sockets. */
const hasSs = spawnSync('ss', ['-V']).status === 0

/** What the kernel says of the daemon's side of the one connection to it. */
function socketOf(daemon: Daemon): string {
  const filter = `sport = :${daemon.port}`
  return execFileSync('ss', ['-tnoeH', 'state', 'established', filter], { encoding: 'utf8' }).trim()
}

describe('TCP keepalive, as the kernel sees it', () => {
  it.skipIf(!hasSs)('begins after what SHARDWIRE_KEEPALIVE_MS says, in seconds', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_KEEPALIVE_MS: '50900' })
    await using client = await RawClient.connect(daemon.port)
    await frames.greetServer(client)
    const left = /timer:\(keepalive,(\d+)sec,/.exec(socketOf(daemon))?.[1]
    // What is left of 50 seconds; ss rounds.
    expect(Number(left)).toBeGreaterThan(30)
    expect(Number(left)).toBeLessThanOrEqual(50)
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })

  it.skipIf(!hasSs)('is off where SHARDWIRE_KEEPALIVE_MS is 0', async () => {
    await using daemon = await startDaemon({ SHARDWIRE_WORKERS: '1', SHARDWIRE_KEEPALIVE_MS: '0' })
    await using client = await RawClient.connect(daemon.port)
    await frames.greetServer(client)
    const socket = socketOf(daemon)
    expect(socket).toContain(`:${daemon.port}`)
    expect(socket).not.toContain('keepalive')
    client.destroy()
    expect(await daemon.stop()).toBe(0)
  })
})
