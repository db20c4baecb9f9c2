/** Owns the tests of asking a daemon to drain, where the daemon is not as simple as gone. */
import { eventually, systemClock as clock } from '@shardwire/testkit'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { drainCommand } from '../../../src/admin/shell/act-commands.ts'
import type { ShellIo } from '../../../src/admin/shell/io.ts'
import { sampleAt } from '../samples.ts'

const { status } = sampleAt(1000, 0)
const TOKEN = 'a-token-that-may-act'

/** A daemon's admin server, as far as draining goes. */
class FakeDaemon implements AsyncDisposable {
  pid = 100
  /** Whether it answers at all; else it hangs up. */
  answers = true
  looks = 0
  readonly #server: Server = createServer((request, response) => {
    if (request.method === 'GET') this.looks++
    if (!this.answers) return void response.destroy()
    const body = request.method === 'POST' ? { begun: 'drain' } : { ...status, pid: this.pid }
    response.writeHead(200, { 'x-shardwire': 'admin' }).end(JSON.stringify(body))
  })

  async listen(): Promise<string> {
    this.#server.listen({ port: 0, host: '127.0.0.1' })
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async looked(): Promise<void> {
    const before = this.looks
    await eventually(
      () => this.looks > before + 1,
      () => 'nobody looks',
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function io(admin: string): { readonly io: ShellIo; readonly said: () => string } {
  let text = ''
  const write = (more: string): void => void (text += more)
  const env = { SHARDWIRE_ADMIN: admin, SHARDWIRE_ADMIN_TOKEN: TOKEN }
  const world: ShellIo = { env, readFile: () => '', clock, write, writeError: write, terminal: undefined }
  return { io: world, said: () => text }
}

describe('shardwire drain', () => {
  it('takes one that does not answer for one that drains still, and nobody listening for the end', async () => {
    await using daemon = new FakeDaemon()
    const { io: world, said } = io(await daemon.listen())
    const drained = drainCommand([], world)
    await daemon.looked()
    daemon.answers = false
    await daemon.looked()
    expect(said()).toBe('')
    await daemon[Symbol.asyncDispose]()
    expect(await drained).toBe(0)
    expect(said()).toContain('drained: the daemon (pid 100) has ended')
  })

  it('is done when another daemon answers at the address', async () => {
    await using daemon = new FakeDaemon()
    const { io: world, said } = io(await daemon.listen())
    const drained = drainCommand([], world)
    await daemon.looked()
    daemon.pid = 101
    expect(await drained).toBe(0)
    expect(said()).toContain('and another (pid 101) answers there by now')
  })

  it('that is up before the end of its time says so', async () => {
    await using daemon = new FakeDaemon()
    const { io: world, said } = io(await daemon.listen())
    expect(await drainCommand(['--timeout', '1', '--json'], world)).toBe(1)
    expect(JSON.parse(said())).toMatchObject({ drained: false, pid: 100 })
  })
})
