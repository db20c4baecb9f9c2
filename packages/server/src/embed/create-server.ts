/**
 * Owns `createServer`: a server in the caller's own process.
 * Must not know: how it serves. What serves is loaded when it is asked for: a service's module, and every thread that
 * loads a task, imports this package without it.
 */
import type { Service } from '../service/service.ts'
import type { Server } from './server.ts'
import type { ServerOptions } from './server-options.ts'

/**
 * Serves `service` in this process: for tests, and for what needs one process. There is no supervision: what ends the
 * process ends the server, and a handler that computes holds up everything in it.
 *
 * ```ts
 * await using server = await createServer({ service, listen: 'tcp://127.0.0.1:0' })
 * const connection = await connect({ host: '127.0.0.1', port: server.port })
 * ```
 *
 * Rejects with a TypeError that lists every option that is wrong; with what the service throws at its start; or, where
 * an address cannot be listened on, with an Error that says why.
 * @param options `service`, and those of docs/configuration.md under their names in camelCase
 */
export async function createServer(options: ServerOptions & { readonly service: Service }): Promise<Server> {
  const { openServer } = await import('./open-server.ts')
  return await openServer(options)
}
