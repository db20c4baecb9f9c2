/** Owns the tests of `shardwire top` at a terminal: what is drawn, and that the terminal is left as it was. */
import { eventually, systemClock as clock } from '@shardwire/testkit'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { ShellIo } from '../../../src/admin/shell/io.ts'
import { topCommand } from '../../../src/admin/shell/top-command.ts'
import type { Sample } from '../../../src/admin/status.ts'
import { sampleAt } from '../samples.ts'

const OPEN = '\u001B[?1049h\u001B[?25l'
const CLOSE = '\u001B[?25h\u001B[?1049l'

class FakeTerminal {
  screen = ''
  #key: (key: string) => void = () => undefined
  #signal: () => void = () => undefined
  listeners = 0

  io(admin: string): ShellIo {
    return {
      env: { SHARDWIRE_ADMIN: admin },
      readFile: () => '',
      clock,
      write: (text) => (this.screen += text),
      writeError: (text) => (this.screen += text),
      terminal: {
        size: () => ({ columns: 60, rows: 12 }),
        onKeys: (listener) => {
          this.#key = listener
          return this.#listen()
        },
        onSignal: (listener) => {
          this.#signal = listener
          return this.#listen()
        },
      },
    }
  }

  press(key: string): void {
    this.#key(key)
  }
  signal(): void {
    this.#signal()
  }
  /** What was drawn last, without what moves the cursor. */
  get frame(): string {
    const last = this.screen.split('\u001B[H').at(-1) ?? ''
    const escape = '\u001B['
    return last.replaceAll(`${escape}K`, '').replaceAll(`${escape}J`, '').replaceAll(CLOSE, '')
  }
  async shows(text: string): Promise<void> {
    await eventually(
      () => this.frame.includes(text),
      () => `${text} is not in\n${this.frame}`,
    )
  }
  #listen(): () => void {
    this.listeners++
    return () => this.listeners--
  }
}

interface Admin extends AsyncDisposable {
  readonly address: string
  readonly port: number
  tell(sample: Sample): void
  viewers(): number
}

async function serve(port = 0): Promise<Admin> {
  const viewers = new Set<ServerResponse>()
  const server: Server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-shardwire': 'admin' }).flushHeaders()
    viewers.add(response)
  })
  server.listen({ port, host: '127.0.0.1' })
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    address: `http://127.0.0.1:${bound}`,
    viewers: () => viewers.size,
    tell: (sample) => {
      for (const viewer of viewers) viewer.write(`data: ${JSON.stringify(sample)}\n\n`)
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function watched(admin: Admin): Promise<void> {
  await eventually(
    () => admin.viewers() > 0,
    () => 'nobody looks',
  )
}

describe('shardwire top', () => {
  it('draws each second over the last, within the terminal, and gives it back at q', async () => {
    await using admin = await serve()
    const terminal = new FakeTerminal()
    const running = topCommand([], terminal.io(admin.address))
    await watched(admin)
    admin.tell(sampleAt(1000, 100))
    await terminal.shows('frames in 0/s')
    admin.tell(sampleAt(2000, 600))
    await terminal.shows('frames in 500/s')
    expect(terminal.screen.startsWith(OPEN)).toBe(true)
    for (const line of terminal.frame.split('\r\n')) expect(line.length).toBeLessThanOrEqual(60)
    expect(terminal.frame.split('\r\n').length).toBeLessThanOrEqual(11)
    terminal.press('x')
    terminal.press('q')
    expect(await running).toBe(0)
    expect(terminal.screen.endsWith(CLOSE)).toBe(true)
    expect(terminal.listeners).toBe(0)
  })

  it.each(['Ctrl-C', 'a signal'])('ends by %s too', async (how) => {
    await using admin = await serve()
    const terminal = new FakeTerminal()
    const running = topCommand([], terminal.io(admin.address))
    await watched(admin)
    if (how === 'Ctrl-C') terminal.press('\u0003')
    else terminal.signal()
    expect(await running).toBe(0)
    expect(terminal.screen.endsWith(CLOSE)).toBe(true)
  })

  it('waits for a daemon that has gone, and goes on with the next one', async () => {
    const first = await serve()
    const { port } = first
    const terminal = new FakeTerminal()
    const running = topCommand([], terminal.io(first.address))
    await watched(first)
    first.tell(sampleAt(1000, 100))
    await terminal.shows('connections')
    await first[Symbol.asyncDispose]()
    await terminal.shows('waiting for it')
    await using second = await serve(port)
    await watched(second)
    second.tell(sampleAt(5000, 50, 2))
    await terminal.shows('pid 2')
    terminal.press('q')
    expect(await running).toBe(0)
  })

  it('where nobody answers at all waits too, and can be ended', async () => {
    const gone = await serve()
    await gone[Symbol.asyncDispose]()
    const terminal = new FakeTerminal()
    const running = topCommand([], terminal.io(gone.address))
    await terminal.shows('no answer from')
    terminal.press('q')
    expect(await running).toBe(0)
  })
})
