/** Owns the tests of asking an address that is no daemon's, or where one goes in the middle of its answer. */
import { systemClock as clock } from '@shardwire/testkit'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { AdminClient, EXIT_NEGATIVE, EXIT_UNAVAILABLE } from '../../../src/admin/shell/client.ts'

interface Answering extends AsyncDisposable {
  readonly address: string
  readonly client: AdminClient
}

async function answering(listener: RequestListener): Promise<Answering> {
  const server = createServer(listener).listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    client: new AdminClient({ address, token: 'a-token' }, clock),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const OURS = { 'x-shardwire': 'admin' }

describe('an answer', () => {
  it.each(['text/html', 'application/json'])('of something else (%s) is told to be none of a daemon', async (type) => {
    await using other = await answering((_, response) => response.writeHead(200, { 'content-type': type }).end('{}'))
    const failure = {
      exitCode: EXIT_UNAVAILABLE,
      message: expect.stringContaining(`${other.address} answers, and is no daemon of shardwire`),
    }
    await expect(other.client.get('/api/status')).rejects.toMatchObject(failure)
    await expect(other.client.ask('DELETE', '/api/connections/x', [404])).rejects.toMatchObject(failure)
    await expect(other.client.download('/api/workers/0/profile', 1000)).rejects.toMatchObject(failure)
    const events = other.client.events('/api/events', new AbortController().signal)
    await expect(events.next()).rejects.toMatchObject(failure)
  })

  it('that leads elsewhere is not followed', async () => {
    let asked = 0
    await using elsewhere = await answering((_, response) => response.writeHead(200, OURS).end(String(++asked)))
    await using other = await answering((_, response) => {
      response.writeHead(307, { ...OURS, location: elsewhere.address }).end()
    })
    await expect(other.client.ask('POST', '/api/drain')).rejects.toMatchObject({ exitCode: EXIT_NEGATIVE })
    expect(asked).toBe(0)
  })

  it('that is cut off is told as such', async () => {
    await using other = await answering((_, response) => {
      response.writeHead(200, { ...OURS, 'content-length': 1000 }).write('{"a":', () => response.destroy())
    })
    const failure = { exitCode: EXIT_UNAVAILABLE, message: expect.stringContaining('no answer from') }
    await expect(other.client.get('/api/status')).rejects.toMatchObject(failure)
  })

  it('that says why it is none does not move the cursor', async () => {
    await using other = await answering((_, response) => {
      response.writeHead(500, OURS).end(JSON.stringify({ error: '\u001B[2Jowned' }))
    })
    const message = `${other.address} answers: ?[2Jowned`
    await expect(other.client.get('/api/status')).rejects.toMatchObject({ message })
  })
})
