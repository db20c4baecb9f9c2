/**
 * Owns the way from the options of `createServer` to a server that serves.
 * Must not know: how it serves.
 */
import { readFileSync } from 'node:fs'
import { readMachine } from '../config/machine.ts'
import { type BoundPlace, StartError } from '../primary/entrance.ts'
import { isService, type Service } from '../service/service.ts'
import { EmbeddedServer } from './embedded-server.ts'
import type { Server, ServerAddress } from './server.ts'
import { configFrom, keyed, type ServerOptions } from './server-options.ts'

export async function openServer(options: ServerOptions & { readonly service: Service }): Promise<Server> {
  const { service, ...others } = options
  if (!isService(service)) throw new TypeError('service: expected what defineService({ name, routes }) returns')
  const config = configFrom(others, readMachine(), (path) => readFileSync(path, 'utf8'))
  const embedded = new EmbeddedServer(config, service)
  await embedded.open().catch((error: unknown) => {
    throw error instanceof StartError ? new Error(inCode(error.message), { cause: error }) : error
  })
  const addresses = embedded.bound.map((bound, index) => addressOf(bound, config.listen[index]?.scheme === 'tls'))
  const close = async (): Promise<void> => {
    await embedded.close()
  }
  return {
    addresses,
    get port(): number {
      const port = addresses.find((address) => address.port !== undefined)?.port
      if (port === undefined) throw new Error('this server listens on no port; its addresses are paths')
      return port
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Without variables, which are not read here; who else in this process listens there is not known either. */
function inCode(message: string): string {
  return keyed(message).replace(/ by another address of this daemon: .* admin\./, ' by this process itself.')
}

function addressOf(bound: BoundPlace, isTls: boolean): ServerAddress {
  if ('path' in bound) {
    return { url: `unix:${bound.path}`, scheme: 'unix', host: undefined, port: undefined, path: bound.path }
  }
  // A Unix socket that was handed on: of its path Node knows nothing.
  if ('fd' in bound) return { url: 'unix:', scheme: 'unix', host: undefined, port: undefined, path: undefined }
  const { address: host, port, family } = bound
  const scheme = isTls ? 'tls' : 'tcp'
  return { url: `${scheme}://${family === 'IPv6' ? `[${host}]` : host}:${port}`, scheme, host, port, path: undefined }
}
