/**
 * Owns what a person at a terminal sees when the daemon has started.
 * Must not know: how it was started.
 */
import type { Config, Sources } from './config/load-config.ts'
import { formatEffective } from './config/format.ts'
import type { BoundAddress, Started } from './primary/primary.ts'
import { VERSION } from './version.ts'

/** The echo of "x": MESSAGE to route 1, one byte, CRC; docs/protocol.md takes it apart. */
const FIRST_FRAME = '0001000000017811f5c494'

/** @property admin where the admin server listens; undefined where there is none */
export type Announced = Started & { readonly admin: string | undefined }

export function startBanner({ addresses, workers, admin }: Announced, config: Config, sources: Sources): string {
  const [first] = addresses
  const lines = [
    '',
    `  shardwire ${VERSION}  pid ${process.pid}, ${workersText(workers)}`,
    ...addresses.map((address) => `  listening on ${urlOf(address)}`),
    ...(admin === undefined ? [] : [`  metrics and health at ${admin}`]),
    '',
    indent(formatEffective(config, sources)),
    '',
    ...(first === undefined || 'fd' in first ? [] : firstFrameLines(first)),
    '',
  ]
  return `${lines.join('\n')}\n`
}

function workersText(workers: Started['workers']): string {
  const pids = workers.map(({ pid }) => pid).join(', ')
  return `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'} (pid ${pids})`
}

/** One that can be connected to. */
type DialableAddress = Exclude<BoundAddress, { readonly fd: number }>

function firstFrameLines(address: DialableAddress): string[] {
  const print = `.once('data', (d) => { console.log(d); process.exit() })`
  return [
    '  Send the first frame (an echo of "x"; the answer is the same eleven bytes):',
    `    node -e "${dialText(address)}${print}.write(Buffer.from('${FIRST_FRAME}', 'hex'))"`,
    ...(address.scheme === 'tcp' ? [`  Load it:  npm run bench -- run --target ${urlOf(dialable(address))}`] : []),
    '  Stop it:  Ctrl-C, or SIGTERM to the pid above; what is in flight is answered first.',
  ]
}

/** How Node connects to it; whether a certificate is the right one is not looked at for a first frame. */
function dialText(place: DialableAddress): string {
  if ('path' in place) return `require('net').connect('${place.path}')`
  const { address, port, scheme } = dialable(place)
  if (scheme === 'tcp') return `require('net').connect(${port}, '${address}')`
  return `require('tls').connect(${port}, '${address}', { rejectUnauthorized: false })`
}

/** An address that one can connect to: 0.0.0.0 and :: are every address of this machine. */
function dialable<Place extends DialableAddress>(place: Place): Place {
  if (!('address' in place)) return place
  if (place.address === '0.0.0.0') return { ...place, address: '127.0.0.1' }
  return place.address === '::' ? { ...place, address: '::1' } : place
}

function urlOf(place: BoundAddress): string {
  if ('fd' in place) return `unix: (descriptor ${place.fd})`
  if ('path' in place) return `unix:${place.path}`
  const { scheme, address, port, family } = place
  return family === 'IPv6' ? `${scheme}://[${address}]:${port}` : `${scheme}://${address}:${port}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ').trimEnd()
}
