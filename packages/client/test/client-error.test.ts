/** Owns the test of what programs tell errors by. */
import { UNKNOWN_ROUTE } from '@shardwire/protocol'
import { expect, it } from 'vitest'
import { ClientError, ShardwireError } from '../src/index.ts'

it('an error says what happened by its name, be it of the server or of the client', () => {
  const ofServer = new ShardwireError(UNKNOWN_ROUTE, 'there is no route 9')
  const ofClient = new ClientError('CONNECTION_LOST', 'connection to a:1: reset')
  expect([ofServer, ofClient].map(({ name }) => name)).toEqual(['UNKNOWN_ROUTE', 'CONNECTION_LOST'])
  expect([ofServer.code, ofClient.code]).toEqual([UNKNOWN_ROUTE, 'CONNECTION_LOST'])
})
