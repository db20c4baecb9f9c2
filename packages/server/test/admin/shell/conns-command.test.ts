/** Owns the test of what `shardwire conns` says where workers do not answer. */
import { systemClock as clock } from '@shardwire/testkit'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { connsCommand } from '../../../src/admin/shell/conns-command.ts'

it.each([[[]], [['--closed']], [['--closed', '--json']]])(
  'conns %j names the workers that did not answer',
  async (args) => {
    const server = createServer((_, response) => {
      const body = { connections: [], closed: [], matched: 0, total: 0, next: null, missing: [1, 3] }
      response.writeHead(200, { 'x-shardwire': 'admin' }).end(JSON.stringify(body))
    }).listen({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    let said = ''
    const env = { SHARDWIRE_ADMIN: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    const writeError = (text: string): void => void (said += text)
    const io = { env, readFile: () => '', clock, write: () => undefined, writeError, terminal: undefined }
    expect(await connsCommand(args, io)).toBe(0)
    expect(said).toBe('workers that did not answer: 1, 3\n')
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  },
)
