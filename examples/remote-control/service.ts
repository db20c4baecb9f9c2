/**
 * Remote control: devices connect and wait; whoever has the operator's token asks the server, and the server asks the
 * device. One worker: a device is found where it is connected.
 */
import { authorize, clientRoute, type Connection, ConnectionEndedError } from '@shardwire/server'
import { defineService, route, ShardwireError } from '@shardwire/server'
import { z } from 'zod'

declare module '@shardwire/server' {
  interface Attributes {
    /** Name of the device; undefined for an operator. */
    device?: string
  }
}

const Command = z.object({ device: z.string(), do: z.enum(['lock', 'unlock', 'state']) })
const State = z.object({ locked: z.boolean(), changes: z.int() })

/** What every device serves. */
const command = clientRoute(20, { body: Command.pick({ do: true }), answer: State })
const devices = new Map<string, Connection>()

const operatorsOnly = authorize(({ connection }) => connection.attributes.device === undefined)

export default defineService({
  name: 'remote-control',
  routes: {
    devices: route(1, { body: 'none', middleware: [operatorsOnly] }, () => [...devices.keys()]),
    command: route(2, { body: Command, answer: State, middleware: [operatorsOnly] }, async ({ body, callOptions }) => {
      const device = devices.get(body.device)
      if (device === undefined) throw new ShardwireError('BAD_REQUEST', `there is no device ${body.device}`)
      try {
        // Whoever gives up waiting for the server gives up waiting for the device, too.
        return await device.request(command, { do: body.do }, callOptions)
      } catch (error) {
        if (!(error instanceof ConnectionEndedError)) throw error
        throw new ShardwireError('BAD_REQUEST', `${body.device} has gone: ${error.reason}`, { cause: error })
      }
    }),
  },

  /** `operator:<secret>` or `device:<name>`. In earnest devices show certificates: see `connection.tls`. */
  authenticate({ token = '' }) {
    const [kind, word = ''] = token.split(':')
    if (kind === 'device' && word !== '') return { device: word }
    return kind === 'operator' && word === (process.env['OPERATOR_SECRET'] ?? 'sesame')
  },

  onConnect(connection) {
    const { device } = connection.attributes
    if (device === undefined) return
    // A device that comes anew is here before its old connection is known to be dead.
    devices.get(device)?.reset()
    devices.set(device, connection)
  },

  onDisconnect(connection) {
    const { device } = connection.attributes
    if (device !== undefined && devices.get(device) === connection) devices.delete(device)
  },
})
