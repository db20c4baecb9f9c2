/**
 * Owns what a person at a terminal sees when the daemon has started.
 * Must not know: how it was started.
 */
import { encodeFrame, KIND_CONTROL, OPCODE_PING } from '@shardwire/protocol'
import type { Config, Sources } from './config/load-config.ts'
import { formatEffective } from './config/format.ts'
import type { BoundAddress } from './primary/bound-address.ts'
import type { Started } from './primary/primary.ts'
import { VERSION } from './version.ts'

/** The echo of "x": MESSAGE to route 1, one byte, CRC; docs/protocol.md takes it apart. */
const FIRST_FRAME = '0001000000017811f5c494'
/** What any service answers, from whomever: the demo's routes are not those of others. */
const PING = Buffer.from(encodeFrame({ kind: KIND_CONTROL, route: OPCODE_PING })).toString('hex')

/** @property admin where the admin server listens; undefined where there is none */
export type Announced = Started & { readonly admin: string | undefined }

export function startBanner({ addresses, workers, admin }: Announced, config: Config, sources: Sources): string {
  const dialed = addresses.filter((address) => !('fd' in address)) as DialableAddress[]
  // Frames are what most addresses speak; a client of JSON is the next that can be shown in a line.
  const first = dialed.find(({ codec }) => codec === 'frame') ?? dialed.find(({ codec }) => codec === 'json')
  const lines = [
    '',
    `  shardwire ${VERSION}  pid ${process.pid}, ${workersText(workers)}`,
    ...addresses.map((address) => `  listening on ${urlOf(address)}${codecOf(address)}`),
    ...(admin === undefined ? [] : [`  dashboard, metrics and health at ${admin}`]),
    '',
    indent(formatEffective(config, sources)),
    '',
    ...(first === undefined ? [] : firstLines(first, config.service === null)),
    '  Stop it:  Ctrl-C, or SIGTERM to the pid above; what is in flight is answered first.',
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

function firstLines(address: DialableAddress, isDemo: boolean): string[] {
  if (address.codec !== 'frame') return firstObjectLines(address)
  return isDemo ? firstFrameLines(address) : firstPingLines(address)
}

function firstObjectLines(address: DialableAddress): string[] {
  const print = `.once('data', (d) => { console.log(String(d)); process.exit() })`
  return [
    '  Send the first object:',
    `    node -e "${dialText(address)}${print}.write(JSON.stringify({ uid: 1, val: 'world' }))"`,
  ]
}

function firstPingLines(address: DialableAddress): string[] {
  return ['  Send the first frame (a PING; the answer is a PONG):', firstFrameCommand(address, PING)]
}

function firstFrameCommand(address: DialableAddress, hex: string): string {
  const print = `.once('data', (d) => { console.log(d); process.exit() })`
  return `    node -e "${dialText(address)}${print}.write(Buffer.from('${hex}', 'hex'))"`
}

function firstFrameLines(address: DialableAddress): string[] {
  return [
    '  Send the first frame (an echo of "x"; the answer is the same eleven bytes):',
    firstFrameCommand(address, FIRST_FRAME),
    ...(address.scheme === 'tcp' ? [`  Load it:  npm run bench -- run --target ${urlOf(dialable(address))}`] : []),
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

function codecOf({ codec }: BoundAddress): string {
  return codec === 'frame' ? '' : `?codec=${codec}`
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
